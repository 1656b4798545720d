"""tokenbooth token: get and inspect access tokens, from the consumer's side."""

import click

from tokenbooth.cli.lazy import HelpfulGroup
from tokenbooth.cli.options import json_option

# Those of protocol.keys, whose import takes longer than all of --help.
_ALGORITHMS = ("ES256", "EdDSA", "PS256", "RS256")


@click.group(cls=HelpfulGroup)
def token() -> None:
    """Get and inspect access tokens."""


@token.command()
@click.option("--issuer", metavar="URL", help="Whose metadata tells where to ask.")
@click.option("--token-url", metavar="URL", help="Where to ask, if the issuer has no metadata.")
@click.option("--client-id", metavar="ID", required=True, help="Which client asks.")
@click.option(
    "--secret",
    metavar="env:NAME|file:PATH|-",
    help="Where its secret is: a variable, a file, or stdin. Never the secret itself.",
)
@click.option(
    "--private-key",
    metavar="env:NAME|file:PATH|-",
    help="Where its private key is, as PEM or JWK, if it has one instead of a secret.",
)
@click.option(
    "--assertion",
    metavar="env:NAME|file:PATH|-",
    help="Where the token is that the platform gives this workload.",
)
@click.option(
    "--certificate",
    metavar="FILE",
    help="Its TLS certificate, PEM. Beside another proof, it only binds the token.",
)
@click.option(
    "--certificate-key", metavar="FILE", help="The private key, if it is in a file of its own."
)
@click.option("--scope", help='What to ask for, like "persons:read persons:write".')
@click.option("--resource", metavar="URI", help="Which API to ask for, if there are several.")
@click.option(
    "--dialect",
    metavar="NAME|FILE.toml",
    default="standard",
    show_default=True,
    help="Whose ways to speak.",
)
@click.option(
    "--auth-method",
    type=click.Choice(["basic", "basic-raw", "body"]),
    help="How to authenticate.  [default: as the dialect or the metadata says]",
)
@click.option(
    "--allow-plain-http-for-development",
    is_flag=True,
    help="Send the secret in the clear to another machine.",
)
@json_option
def get(
    *,
    issuer: str | None,
    token_url: str | None,
    client_id: str,
    secret: str | None,
    private_key: str | None,
    assertion: str | None,
    certificate: str | None,
    certificate_key: str | None,
    scope: str | None,
    resource: str | None,
    dialect: str,
    auth_method: str | None,
    allow_plain_http_for_development: bool,
    as_json: bool,
) -> None:
    """Get a token and write it to stdout, alone; with --json, the whole answer.

    For example: tokenbooth token get --issuer https://auth.example.com --client-id my-app
    --secret env:MY_APP_SECRET --scope persons:read
    """
    # Imported here, so that --help answers at once.
    from tokenbooth.cli.token_get import Order, get_token

    get_token(
        Order(
            issuer=issuer,
            token_url=token_url,
            client_id=client_id,
            secret=secret,
            private_key=private_key,
            assertion=assertion,
            certificate=certificate,
            certificate_key=certificate_key,
            scope=scope,
            resource=resource,
            dialect=dialect,
            auth_method=auth_method,
            allow_plain_http=allow_plain_http_for_development,
        ),
        as_json=as_json,
    )


@token.command()
@click.option(
    "--alg",
    type=click.Choice(_ALGORITHMS),
    default="ES256",
    show_default=True,
    help="What the key signs with.",
)
@click.option(
    "--out", "path", metavar="FILE", required=True, help="Where to; there must be none yet."
)
@json_option
def new_key(*, alg: str, path: str, as_json: bool) -> None:
    """Make a key pair for a client: the private key into FILE, the public JWK to stdout.

    Hand the JWK to the operator (credentials add ID --jwk FILE), and use the private key with
    token get --private-key file:FILE.
    """
    from tokenbooth.cli.new_key import write_new_key
    from tokenbooth.cli.output import Output

    write_new_key(path, alg=alg, out=Output(as_json=as_json))


@token.command()
@click.argument("token_text", metavar="[TOKEN|-]", default="-")
@click.option("--issuer", metavar="URL", help="Who must have issued it.  [default: who it names]")
@click.option("--offline", is_flag=True, help="Fetch nothing, so leave the signature unchecked.")
@json_option
def inspect(*, token_text: str, issuer: str | None, offline: bool, as_json: bool) -> None:
    """Say in words what a token is: who, for which API, which scopes, how long still.

    Without TOKEN, or with -, it is read from stdin. The signature is checked with the issuer's
    keys. Ends with 4 if an API would refuse the token, and with 3 if its issuer cannot be asked.
    """
    from tokenbooth.cli.token_inspect import inspect_token

    inspect_token(token_text, issuer=issuer, offline=offline, as_json=as_json)
