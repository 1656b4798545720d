"""The tables, as the newest migration leaves them; `migrations/` makes them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

# Byte order everywhere, so that pages of a list come in one order on every engine.
NAME = Text().with_variant(Text(collation="C"), "postgresql")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def policy_column() -> Column[str]:
    """Return the column of a policy in JSON: the members that differ from their defaults."""
    return Column("policy", Text, nullable=False, server_default="{}")


issuers = Table(
    "issuers",
    metadata,
    Column("name", NAME, primary_key=True),
    Column("tag", NAME, nullable=False, unique=True),
    Column("url", NAME, unique=True),
    Column("dialect", Text, nullable=False),
    Column("token_format", Text, nullable=False),
    Column("token_lifetime", Integer, nullable=False),
    Column("refresh_tokens", Boolean, nullable=False),
    Column("refresh_lifetime", Integer, nullable=False),
    Column("alg", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    policy_column(),
)

apis = Table(
    "apis",
    metadata,
    Column("issuer", NAME, ForeignKey("issuers.name"), nullable=False),
    Column("name", NAME, nullable=False),
    Column("audience", NAME, nullable=False),
    Column("scopes", Text, nullable=False),  # JSON
    Column("self_service", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
    policy_column(),
    PrimaryKeyConstraint("issuer", "name"),
    UniqueConstraint("issuer", "audience"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("name", NAME, primary_key=True),
    Column("title", Text, nullable=False),
    Column("created_at", Double, nullable=False),
)

clients = Table(
    "clients",
    metadata,
    Column("issuer", NAME, ForeignKey("issuers.name"), nullable=False),
    Column("client_id", NAME, nullable=False),
    Column("name", Text, nullable=False),
    Column("account", NAME, ForeignKey("accounts.name")),
    Column("enabled", Boolean, nullable=False),
    Column("auth_methods", Text, nullable=False),  # JSON
    Column("grant_types", Text, nullable=False),  # JSON
    Column("token_format", Text),
    Column("token_lifetime", Integer),
    Column("refresh_tokens", Boolean),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    policy_column(),
    PrimaryKeyConstraint("issuer", "client_id"),
    Index(None, "client_id"),
    Index(None, "account", "issuer", "client_id"),
    Index(
        "ix_clients_token_lifetime",
        "issuer",
        "token_lifetime",
        sqlite_where=text("token_lifetime IS NOT NULL"),
        postgresql_where=text("token_lifetime IS NOT NULL"),
    ),
)

# What ties a client to an API: role "access" (may get tokens for it) or "resource_server".
client_apis = Table(
    "client_apis",
    metadata,
    Column("issuer", NAME, nullable=False),
    Column("client_id", NAME, nullable=False),
    Column("role", NAME, nullable=False),
    Column("api", NAME, nullable=False),
    Column("position", Integer, nullable=False),
    Column("scopes", Text, nullable=False),  # JSON
    PrimaryKeyConstraint("issuer", "client_id", "role", "api"),
    ForeignKeyConstraint(
        ["issuer", "client_id"], ["clients.issuer", "clients.client_id"], ondelete="CASCADE"
    ),
    ForeignKeyConstraint(["issuer", "api"], ["apis.issuer", "apis.name"]),
    Index(None, "issuer", "api"),
)

credentials = Table(
    "credentials",
    metadata,
    Column("id", NAME, primary_key=True),
    Column("issuer", NAME, nullable=False),
    Column("client_id", NAME, nullable=False),
    Column("kind", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("last_used_at", Double),
    Column("last_used_from", Text),
    Column("replaced_by", NAME),
    Column("former_expires_at", Double),
    ForeignKeyConstraint(
        ["issuer", "client_id"], ["clients.issuer", "clients.client_id"], ondelete="CASCADE"
    ),
    Index(None, "issuer", "client_id"),
    Index(None, "expires_at"),
)

# No foreign key: issuer "" holds the keys of the service as a whole.
keys = Table(
    "keys",
    metadata,
    Column("issuer", NAME, nullable=False),
    Column("kid", NAME, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("alg", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("public_jwk", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("activates_at", Double, nullable=False),
    Column("retires_at", Double),
    Column("expires_at", Double),
    Column("kept", Double, nullable=False, server_default="0"),
    PrimaryKeyConstraint("issuer", "kid"),
)

revocations = Table(
    "revocations",
    metadata,
    Column("issuer", NAME, nullable=False),
    Column("key", NAME, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
    Column("before", Double),
    Column("seq", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("issuer", "key"),
    Index(None, "issuer", "seq"),
    sqlite_with_rowid=False,
)

claims = Table(
    "claims",
    metadata,
    Column("key", NAME, primary_key=True),
    Column("claimed_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
    sqlite_with_rowid=False,
)

# One row: whoever takes a number holds its lock until the commit, so numbers appear in order.
feed = Table(
    "feed",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("revision", Integer, nullable=False),
    Column("revocation_seq", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("id = 1", name="single"),
)

changes = Table(
    "changes",
    metadata,
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("id", Text, nullable=False),
)

# A chain: every hash covers the one before it. `audit_head` is locked while entries are added.
audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False, index=True),
    Column("type", NAME, nullable=False),
    Column("actor", NAME, nullable=False),
    Column("account", NAME),
    Column("issuer", NAME),
    Column("client_id", NAME),
    Column("subject", NAME),
    Column("source", Text, nullable=False),
    Column("request_id", NAME, nullable=False),
    Column("reason", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("details", Text, nullable=False),  # JSON
    Column("hash", Text, nullable=False),
    Index(None, "account", "seq"),
    Index(None, "client_id", "seq"),
    Index(None, "type", "seq"),
    Index(None, "request_id"),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    CheckConstraint("id = 1", name="single"),
)

refused_requests = Table(
    "refused_requests",
    metadata,
    Column("request_id", NAME, primary_key=True),
    Column("at", Double, nullable=False, index=True),
    Column("endpoint", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("issuer", NAME, nullable=False),
    Column("client_id", NAME, nullable=False),
    Column("source", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("credential_id", Text, nullable=False),
    Index(None, "issuer", "client_id", "at"),
)

usage = Table(
    "usage",
    metadata,
    Column("hour", BigInteger, nullable=False),
    Column("issuer", NAME, nullable=False),
    Column("client_id", NAME, nullable=False),
    Column("outcome", NAME, nullable=False),
    Column("count", BigInteger, nullable=False),
    PrimaryKeyConstraint("hour", "issuer", "client_id", "outcome"),
    Index(None, "issuer", "client_id", "hour"),
    sqlite_with_rowid=False,
)

credential_hosts = Table(
    "credential_hosts",
    metadata,
    Column("credential_id", NAME, ForeignKey("credentials.id", ondelete="CASCADE"), nullable=False),
    Column("source", NAME, nullable=False),
    Column("agent", Text, nullable=False),
    Column("first_at", Double, nullable=False),
    Column("last_at", Double, nullable=False),
    Column("count", BigInteger, nullable=False),
    PrimaryKeyConstraint("credential_id", "source"),
    sqlite_with_rowid=False,
)

members = Table(
    "members",
    metadata,
    Column("id", NAME, primary_key=True),
    Column("email", NAME, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("account", NAME, ForeignKey("accounts.name")),
    Column("enabled", Boolean, nullable=False),
    Column("password_hash", Text),
    Column("identity", NAME, unique=True),
    Column("totp", LargeBinary),
    Column("totp_step", BigInteger, nullable=False),
    Column("recovery_codes", Text, nullable=False),  # JSON
    Column("created_at", Double, nullable=False),
    Column("last_sign_in_at", Double),
    Index(None, "account"),
)

sign_in_attempts = Table(
    "sign_in_attempts",
    metadata,
    Column("key", NAME, primary_key=True),
    Column("failures", Double, nullable=False),
    Column("last_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
    sqlite_with_rowid=False,
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", NAME, primary_key=True),
    Column("member", NAME, ForeignKey("members.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("proved_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
    Column("source", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Index(None, "member"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("digest", NAME, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("email", NAME, nullable=False),
    Column("role", Text, nullable=False),
    Column("account", NAME, ForeignKey("accounts.name")),
    Column("invited_by", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
    Index(None, "account"),
)

# No foreign keys: what was asked and decided outlives the client and the API.
access_requests = Table(
    "access_requests",
    metadata,
    Column("id", NAME, primary_key=True),
    Column("issuer", NAME, nullable=False),
    Column("client_id", NAME, nullable=False),
    Column("account", NAME, nullable=False),
    Column("api", NAME, nullable=False),
    Column("scopes", Text, nullable=False),  # JSON
    Column("reason", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("requested_at", Double, nullable=False),
    Column("status", NAME, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", Double),
    Column("decision", Text, nullable=False),
    Index(None, "status", "requested_at"),
    Index(None, "account", "requested_at"),
)

kept_answers = Table(
    "kept_answers",
    metadata,
    Column("key", NAME, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
)
