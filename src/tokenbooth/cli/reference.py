"""The reference of all commands as Markdown: python -m tokenbooth.cli.reference > docs/cli.md."""

from collections.abc import Iterator

import click

from tokenbooth.cli.main import program

_WIDTH = 96
_OPENING = """\
# Command line

Written by `python -m tokenbooth.cli.reference` from the program itself; a test keeps it true.

Data goes to stdout and talk to stderr. With `--json`, stdout is one JSON document with stable keys,
and an error is one JSON object `{"error": …, "message": …}` on stderr.
Commands that manage the service work on the database itself;
a running service follows within a second.
A database that does not exist yet is created, with its master key beside it.
"""


def reference() -> str:
    """Return the whole document."""
    return "\n".join([_OPENING, *_sections(program, None, "tokenbooth")])


def _sections(command: click.Command, parent: click.Context | None, name: str) -> Iterator[str]:
    context = click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=_WIDTH,
        help_option_names=["-h", "--help"],
    )
    level = "##" if parent is None or parent.parent is None else "###"
    yield f"{level} {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            if found is not None:
                yield from _sections(found, context, each)


if __name__ == "__main__":
    click.echo(reference(), nl=False)
