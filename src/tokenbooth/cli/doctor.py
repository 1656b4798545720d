"""tokenbooth doctor: what is wrong when no token comes, from the consumer's side."""

import click

from tokenbooth.cli.options import json_option

_LONGEST = 600


@click.command()
@click.option("--issuer", metavar="URL", help="Whose tokens; any OAuth server's.")
@click.option("--token-url", metavar="URL", help="Where to ask, if the issuer has no metadata.")
@click.option("--client-id", metavar="ID", help="Which client asks.  [default: ask for no token]")
@click.option(
    "--secret",
    metavar="env:NAME|file:PATH|-",
    help="Where its secret is: a variable, a file, or stdin. Never the secret itself.",
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
@click.option("--api", metavar="URL", help="Call this with the token, by GET.")
@click.option(
    "--allow-plain-http-for-development",
    is_flag=True,
    help="Send the secret over plain http to other machines too.",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(0.1, _LONGEST),
    default=10,
    show_default=True,
    help="For each request.",
)
@click.option(
    "--total-timeout",
    metavar="SECONDS",
    type=click.FloatRange(0.1, _LONGEST),
    default=60,
    show_default=True,
    help="For all checks together.",
)
@click.option(
    "--report",
    "report_path",
    metavar="FILE",
    help="Also write a report without secrets and tokens, to give away; there must be none yet.",
)
@json_option
def doctor(
    *,
    issuer: str | None,
    token_url: str | None,
    client_id: str | None,
    secret: str | None,
    scope: str | None,
    resource: str | None,
    dialect: str,
    auth_method: str | None,
    api: str | None,
    allow_plain_http_for_development: bool,
    timeout: float,
    total_timeout: float,
    report_path: str | None,
    as_json: bool,
) -> int:
    """Find out why no token comes: environment, network, issuer, token and API, one by one.

    For example: tokenbooth doctor --issuer https://auth.example.com --client-id my-app --secret
    env:MY_APP_SECRET --api https://api.example.com/persons

    Works with every OAuth server. Ends with 0 if all is well, else with what the first failed
    check says.
    """
    # Imported here, so that --help answers at once.
    from tokenbooth.cli.diagnosis.case import Order
    from tokenbooth.cli.diagnosis.diagnose import diagnose
    from tokenbooth.cli.token_get import dialect_named

    return diagnose(
        Order(
            issuer=issuer,
            token_url=token_url,
            client_id=client_id,
            secret=secret,
            scope=scope,
            resource=resource,
            dialect=dialect_named(dialect),
            auth_method=auth_method,
            api=api,
            allow_plain_http=allow_plain_http_for_development,
            timeout=timeout,
            total=total_timeout,
        ),
        report_path=report_path,
        as_json=as_json,
    )
