"""A newer version of this program: the same, with one more migration that only adds."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import tokenbooth
from tests.end_to_end.service import PROGRAM, environment
from tokenbooth.server.stores import schema

REVISION = "9000"
_MIGRATION = f"""
import sqlalchemy as sa
from alembic import op

revision = "{REVISION}"
down_revision = "{schema.HEAD}"


def upgrade() -> None:
    op.add_column("clients", sa.Column("mascot", sa.Text(), nullable=True))
    op.add_column("credentials", sa.Column("strength", sa.Double(), server_default="1"))
    op.create_table("mascots", sa.Column("name", sa.Text(), primary_key=True))
    op.create_index("ix_clients_mascot", "clients", ["mascot"])
"""


class NewerVersion:
    """The newer program in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        source = Path(tokenbooth.__file__).parent
        copy = folder / "tokenbooth"
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        stores = copy / "server" / "stores"
        migration = stores / "migrations" / "versions" / f"{REVISION}_mascots.py"
        migration.write_text(_MIGRATION, "utf-8")
        text, found = re.subn(
            r'^HEAD = ".*"$',
            f'HEAD = "{REVISION}"',
            (stores / "schema.py").read_text("utf-8"),
            flags=re.MULTILINE,
        )
        assert found == 1
        (stores / "schema.py").write_text(text, "utf-8")
        # Before what is installed.
        path = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.variables = {"PYTHONPATH": os.pathsep.join(path)}

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the newer version to its end."""
        return subprocess.run(
            [PROGRAM, *arguments],
            capture_output=True,
            text=True,
            env=environment(**variables, **self.variables),
            timeout=120,
            check=False,
        )
