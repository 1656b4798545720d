"""A policy on issuers, APIs and clients; revocations in the order of their commits."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

WITH_POLICY = ("issuers", "apis", "clients")

# Both engines read this the same way.
NUMBER_REVOCATIONS = """
    UPDATE revocations SET seq = numbered.seq FROM (
        SELECT issuer, key, row_number() OVER (ORDER BY issuer, key) AS seq FROM revocations
    ) AS numbered
    WHERE revocations.issuer = numbered.issuer AND revocations.key = numbered.key
"""
COUNT_REVOCATIONS = "UPDATE feed SET revocation_seq = (SELECT count(*) FROM revocations)"


def upgrade() -> None:
    for table in WITH_POLICY:
        op.add_column(table, sa.Column("policy", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("revocations", sa.Column("before", sa.Double()))
    op.add_column("revocations", _number("seq"))
    op.add_column("feed", _number("revocation_seq"))
    op.execute(NUMBER_REVOCATIONS)
    op.execute(COUNT_REVOCATIONS)
    if op.get_bind().dialect.name != "postgresql":  # there, without stopping others: schema.py
        op.create_index("ix_revocations_issuer_seq", "revocations", ["issuer", "seq"])


def downgrade() -> None:
    op.drop_index("ix_revocations_issuer_seq", "revocations", if_exists=True)
    # The older program would take them for revocations of tokens whatever their age.
    op.execute("DELETE FROM revocations WHERE before IS NOT NULL")
    op.drop_column("feed", "revocation_seq")
    op.drop_column("revocations", "seq")
    op.drop_column("revocations", "before")
    for table in reversed(WITH_POLICY):
        op.drop_column(table, "policy")


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")
