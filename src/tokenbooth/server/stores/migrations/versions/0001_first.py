"""Issuers, APIs, clients, credentials, keys, revocations, claims and the change feed."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    _issuers_and_apis()
    _clients()
    _keys()
    _revocations()
    _feed()


def _issuers_and_apis() -> None:
    op.create_table(
        "issuers",
        sa.Column("name", NAME, nullable=False),
        sa.Column("tag", NAME, nullable=False),
        sa.Column("url", NAME),
        sa.Column("dialect", sa.Text(), nullable=False),
        sa.Column("token_format", sa.Text(), nullable=False),
        sa.Column("token_lifetime", sa.Integer(), nullable=False),
        sa.Column("refresh_tokens", sa.Boolean(), nullable=False),
        sa.Column("refresh_lifetime", sa.Integer(), nullable=False),
        sa.Column("alg", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sa.UniqueConstraint("tag"),
        sa.UniqueConstraint("url"),
    )
    op.create_table(
        "apis",
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("audience", NAME, nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("self_service", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "name"),
        sa.UniqueConstraint("issuer", "audience"),
        sa.ForeignKeyConstraint(["issuer"], ["issuers.name"]),
    )


def _clients() -> None:
    op.create_table(
        "accounts",
        sa.Column("name", NAME, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "clients",
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("client_id", NAME, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account", NAME),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("auth_methods", sa.Text(), nullable=False),
        sa.Column("grant_types", sa.Text(), nullable=False),
        sa.Column("token_format", sa.Text()),
        sa.Column("token_lifetime", sa.Integer()),
        sa.Column("refresh_tokens", sa.Boolean()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "client_id"),
        sa.ForeignKeyConstraint(["issuer"], ["issuers.name"]),
        sa.ForeignKeyConstraint(["account"], ["accounts.name"]),
    )
    op.create_index("ix_clients_client_id", "clients", ["client_id"])
    op.create_index(
        "ix_clients_account_issuer_client_id", "clients", ["account", "issuer", "client_id"]
    )
    op.create_table(
        "client_apis",
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("client_id", NAME, nullable=False),
        sa.Column("role", NAME, nullable=False),
        sa.Column("api", NAME, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "client_id", "role", "api"),
        sa.ForeignKeyConstraint(
            ["issuer", "client_id"], ["clients.issuer", "clients.client_id"], ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["issuer", "api"], ["apis.issuer", "apis.name"]),
    )
    op.create_index("ix_client_apis_issuer_api", "client_apis", ["issuer", "api"])
    op.create_table(
        "credentials",
        sa.Column("id", NAME, nullable=False),
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("client_id", NAME, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double()),
        sa.Column("last_used_at", sa.Double()),
        sa.Column("last_used_from", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(
            ["issuer", "client_id"], ["clients.issuer", "clients.client_id"], ondelete="CASCADE"
        ),
    )
    op.create_index("ix_credentials_issuer_client_id", "credentials", ["issuer", "client_id"])


def _keys() -> None:
    op.create_table(
        "keys",
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("kid", NAME, nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("alg", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("public_jwk", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("activates_at", sa.Double(), nullable=False),
        sa.Column("retires_at", sa.Double()),
        sa.Column("expires_at", sa.Double()),
        sa.PrimaryKeyConstraint("issuer", "kid"),
    )


def _revocations() -> None:
    op.create_table(
        "revocations",
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("key", NAME, nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "key"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_revocations_expires_at", "revocations", ["expires_at"])
    op.create_table(
        "claims",
        sa.Column("key", NAME, nullable=False),
        sa.Column("claimed_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_claims_expires_at", "claims", ["expires_at"])


def _feed() -> None:
    op.create_table(
        "feed",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("id = 1", name="single"),
    )
    op.execute("INSERT INTO feed (id, revision) VALUES (1, 0)")
    op.create_table(
        "changes",
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("revision"),
    )
    op.create_index("ix_changes_at", "changes", ["at"])
