"""The program `tokenbooth`: its commands, and what it ends with."""

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, NoReturn

import click
import msgspec

from tokenbooth import __version__
from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.lazy import LazyCommand, LazyGroup

EXIT_CODES = "\n".join(
    ["\b", "Exit codes:", "    0  done"]
    + [f"  {outcome.exit_code:>3}  {outcome.meaning}" for outcome in Outcome]
)


class Program(LazyGroup):
    """All commands."""

    lazy_commands: ClassVar[Mapping[str, LazyCommand]] = (
        {
            name: LazyCommand(module=f"tokenbooth.cli.{name}", name=name, help=text)
            for name, text in (
                ("serve", "Run the token service."),
                ("issuers", "Create and show issuers."),
                ("apis", "Create and change APIs."),
                ("clients", "Register and manage clients."),
                ("credentials", "Add, rotate and remove the secrets of a client."),
                ("requests", "Ask for access to APIs, and decide what was asked."),
                ("registrations", "Let others register clients by themselves."),
                ("keys", "Show the keys of issuers."),
                ("accounts", "Manage accounts: the customers that own clients."),
                ("members", "Manage the people who sign in to the console."),
                ("token", "Get and inspect access tokens."),
                ("doctor", "Find out why no token comes."),
                ("audit", "Search, verify and export the audit trail."),
                ("explain", "Say why a request was refused, and what to do."),
                ("usage", "Show what clients ask for and what they are refused."),
            )
        }
        | {
            name: LazyCommand(module="tokenbooth.cli.configuration", name=name, help=text)
            for name, text in (
                ("apply", "Make the service what configuration files say."),
                ("plan", "Show what apply would change."),
                ("drift", "Fail if the service is not what files say."),
                ("export", "Write the service as a configuration file."),
            )
        }
        | {
            "import": LazyCommand(
                module="tokenbooth.cli.imports",
                name="imports",
                help="Take over the clients of another system.",
            )
        }
        | {
            name: LazyCommand(module="tokenbooth.cli.backup", name=name, help=text)
            for name, text in (
                ("backup", "Write the whole database to a file, while the service runs."),
                ("restore", "Fill a new database from a backup."),
            )
        }
        | {
            name: LazyCommand(module=f"tokenbooth.cli.{name}", name=name, help=text)
            for name, text in (
                ("migrate", "Bring the database's tables up to date."),
                ("check", "Look for mistakes in how the service is set up."),
            )
        }
    )


@click.command(
    cls=Program,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.version_option(__version__, prog_name="tokenbooth", message="%(prog)s %(version)s")
@click.pass_context
def program(context: click.Context) -> None:
    """OAuth 2.0 client credentials, end to end.

    Data goes to stdout, talk to stderr. Every command takes --json. Secrets are never given as
    arguments.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and end the process with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that knows fewer characters still gets an answer.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(given))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; nothing is raised."""
    as_json = "--json" in arguments
    try:
        ended_with = program.main(
            args=list(arguments), prog_name="tokenbooth", standalone_mode=False
        )
        sys.stdout.flush()
    except Failure as failure:
        return report(failure.outcome, failure.format_message(), as_json=as_json)
    except click.ClickException as error:
        return report(Outcome.USAGE, _usage_text(error), as_json=as_json)
    except (click.Abort, KeyboardInterrupt):
        return report(Outcome.INTERRUPTED, "Interrupted.", as_json=as_json)
    except BrokenPipeError:
        # Whoever read our output has seen enough, as `head` does.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Outcome.FAILED.exit_code
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        return report(Outcome.FAILED, f"{error.strerror or error}{where}.", as_json=as_json)
    except Exception as error:  # noqa: BLE001 - the last resort: a traceback can show a secret.
        return report(Outcome.FAILED, _unexpected(error), as_json=as_json)
    return ended_with if isinstance(ended_with, int) else 0


def report(outcome: Outcome, message: str, *, as_json: bool) -> int:
    """Say on stderr what went wrong, and return the exit code."""
    if as_json:
        text = msgspec.json.encode({"error": outcome.word, "message": message}).decode()
    else:
        text = f"tokenbooth: {message}"
    # The reader of stderr may be gone as well; the exit code still tells.
    with contextlib.suppress(OSError):
        click.echo(text, err=True)
    return outcome.exit_code


def _usage_text(error: click.ClickException) -> str:
    text = error.format_message()
    context = getattr(error, "ctx", None)
    if isinstance(context, click.Context):
        text += f" See: {context.command_path} --help"
    return text


def _unexpected(error: Exception) -> str:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing is not None and not missing.startswith("tokenbooth."):
        return (
            f"This command needs the package {missing}, which is not installed. "
            "Install it with: pip install 'tokenbooth[server]'"
        )
    place = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"This is a defect of tokenbooth {__version__}; please report it: "
        f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}."
    )
