"""Options and input that several commands share."""

import sys

import click

from tokenbooth.cli.failures import Failure, Outcome

MAX_INPUT = 1 << 20

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Write JSON for programs to stdout."
)


def read_stdin(what: str, *, is_hidden: bool = False) -> str:
    """Return what stdin holds, without the line break at the end; raises Failure.

    On a terminal, `is_hidden` asks for one line that is not shown while it is typed.
    """
    if sys.stdin.isatty():
        if is_hidden:
            return str(click.prompt(f"The {what}", hide_input=True, err=True))
        click.echo(f"Paste the {what}, then press Enter and Ctrl-D.", err=True)
    data = sys.stdin.buffer.read(MAX_INPUT + 1)
    if len(data) > MAX_INPUT:
        raise Failure(Outcome.USAGE, f"The {what} on stdin is longer than {MAX_INPUT} bytes.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Failure(Outcome.USAGE, f"The {what} on stdin is not UTF-8 text.") from error
    text = text.rstrip("\r\n")
    if not text:
        raise Failure(Outcome.USAGE, f"There is no {what} on stdin.")
    return text
