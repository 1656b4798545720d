"""How long a key is kept after its use; the longest token of an issuer's clients by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

HAS_LIFETIME = sa.text("token_lifetime IS NOT NULL")


def upgrade() -> None:
    op.add_column("keys", sa.Column("kept", sa.Double(), nullable=False, server_default="0"))
    if op.get_bind().dialect.name != "postgresql":  # there, without stopping others: schema.py
        op.create_index(
            "ix_clients_token_lifetime",
            "clients",
            ["issuer", "token_lifetime"],
            sqlite_where=HAS_LIFETIME,
        )


def downgrade() -> None:
    op.drop_index("ix_clients_token_lifetime", "clients", if_exists=True)
    op.drop_column("keys", "kept")
