"""People, their sessions and requests; the audit trail, refusals and counts of what was issued."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("credentials", sa.Column("replaced_by", NAME))
    op.add_column("credentials", sa.Column("former_expires_at", sa.Double()))
    if op.get_bind().dialect.name != "postgresql":  # there, without stopping others: schema.py
        op.create_index(op.f("ix_credentials_expires_at"), "credentials", ["expires_at"])
    op.create_table(
        "access_requests",
        sa.Column("id", NAME, nullable=False),
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("client_id", NAME, nullable=False),
        sa.Column("account", NAME, nullable=False),
        sa.Column("api", NAME, nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.Double(), nullable=False),
        sa.Column("status", NAME, nullable=False),
        sa.Column("decided_by", sa.Text()),
        sa.Column("decided_at", sa.Double()),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_requests")),
    )
    op.create_index(
        op.f("ix_access_requests_account_requested_at"),
        "access_requests",
        ["account", "requested_at"],
    )
    op.create_index(
        op.f("ix_access_requests_status_requested_at"),
        "access_requests",
        ["status", "requested_at"],
    )
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("type", NAME, nullable=False),
        sa.Column("actor", NAME, nullable=False),
        sa.Column("account", NAME),
        sa.Column("issuer", NAME),
        sa.Column("client_id", NAME),
        sa.Column("subject", NAME),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("request_id", NAME, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_account_seq"), "audit", ["account", "seq"])
    op.create_index(op.f("ix_audit_at"), "audit", ["at"])
    op.create_index(op.f("ix_audit_client_id_seq"), "audit", ["client_id", "seq"])
    op.create_index(op.f("ix_audit_request_id"), "audit", ["request_id"])
    op.create_index(op.f("ix_audit_type_seq"), "audit", ["type", "seq"])
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "kept_answers",
        sa.Column("key", NAME, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_kept_answers")),
    )
    op.create_index(op.f("ix_kept_answers_expires_at"), "kept_answers", ["expires_at"])
    op.create_table(
        "refused_requests",
        sa.Column("request_id", NAME, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("client_id", NAME, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_refused_requests")),
    )
    op.create_index(op.f("ix_refused_requests_at"), "refused_requests", ["at"])
    op.create_index(
        op.f("ix_refused_requests_issuer_client_id_at"),
        "refused_requests",
        ["issuer", "client_id", "at"],
    )
    op.create_table(
        "usage",
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("issuer", NAME, nullable=False),
        sa.Column("client_id", NAME, nullable=False),
        sa.Column("outcome", NAME, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "issuer", "client_id", "outcome", name=op.f("pk_usage")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_usage_issuer_client_id_hour"), "usage", ["issuer", "client_id", "hour"]
    )
    op.create_table(
        "invitations",
        sa.Column("digest", NAME, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("email", NAME, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("account", NAME),
        sa.Column("invited_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.name"], name=op.f("fk_invitations_account")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_invitations")),
    )
    op.create_index(op.f("ix_invitations_account"), "invitations", ["account"])
    op.create_index(op.f("ix_invitations_expires_at"), "invitations", ["expires_at"])
    op.create_table(
        "members",
        sa.Column("id", NAME, nullable=False),
        sa.Column("email", NAME, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("account", NAME),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.Text()),
        sa.Column("identity", NAME),
        sa.Column("totp", sa.LargeBinary()),
        sa.Column("totp_step", sa.BigInteger(), nullable=False),
        sa.Column("recovery_codes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("last_sign_in_at", sa.Double()),
        sa.ForeignKeyConstraint(["account"], ["accounts.name"], name=op.f("fk_members_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_members")),
        sa.UniqueConstraint("email", name=op.f("uq_members_email")),
        sa.UniqueConstraint("identity", name=op.f("uq_members_identity")),
    )
    op.create_index(op.f("ix_members_account"), "members", ["account"])
    op.create_table(
        "sessions",
        sa.Column("digest", NAME, nullable=False),
        sa.Column("member", NAME, nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("proved_at", sa.Double(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["member"], ["members.id"], name=op.f("fk_sessions_member"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_expires_at"), "sessions", ["expires_at"])
    op.create_index(op.f("ix_sessions_member"), "sessions", ["member"])
    op.create_table(
        "sign_in_attempts",
        sa.Column("key", NAME, nullable=False),
        sa.Column("failures", sa.Double(), nullable=False),
        sa.Column("last_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sign_in_attempts")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_sign_in_attempts_expires_at"), "sign_in_attempts", ["expires_at"])
    op.create_table(
        "credential_hosts",
        sa.Column("credential_id", NAME, nullable=False),
        sa.Column("source", NAME, nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("first_at", sa.Double(), nullable=False),
        sa.Column("last_at", sa.Double(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["credential_id"],
            ["credentials.id"],
            name=op.f("fk_credential_hosts_credential_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("credential_id", "source", name=op.f("pk_credential_hosts")),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '')")


def downgrade() -> None:
    op.drop_table("credential_hosts")
    op.drop_index(op.f("ix_sign_in_attempts_expires_at"), table_name="sign_in_attempts")
    op.drop_table("sign_in_attempts")
    op.drop_index(op.f("ix_sessions_member"), table_name="sessions")
    op.drop_index(op.f("ix_sessions_expires_at"), table_name="sessions")
    op.drop_table("sessions")
    op.drop_index(op.f("ix_members_account"), table_name="members")
    op.drop_table("members")
    op.drop_index(op.f("ix_invitations_expires_at"), table_name="invitations")
    op.drop_index(op.f("ix_invitations_account"), table_name="invitations")
    op.drop_table("invitations")
    op.drop_index(op.f("ix_usage_issuer_client_id_hour"), table_name="usage")
    op.drop_table("usage")
    op.drop_index(op.f("ix_refused_requests_issuer_client_id_at"), table_name="refused_requests")
    op.drop_index(op.f("ix_refused_requests_at"), table_name="refused_requests")
    op.drop_table("refused_requests")
    op.drop_index(op.f("ix_kept_answers_expires_at"), table_name="kept_answers")
    op.drop_table("kept_answers")
    op.drop_table("audit_head")
    op.drop_index(op.f("ix_audit_type_seq"), table_name="audit")
    op.drop_index(op.f("ix_audit_request_id"), table_name="audit")
    op.drop_index(op.f("ix_audit_client_id_seq"), table_name="audit")
    op.drop_index(op.f("ix_audit_at"), table_name="audit")
    op.drop_index(op.f("ix_audit_account_seq"), table_name="audit")
    op.drop_table("audit")
    op.drop_index(op.f("ix_access_requests_status_requested_at"), table_name="access_requests")
    op.drop_index(op.f("ix_access_requests_account_requested_at"), table_name="access_requests")
    op.drop_table("access_requests")
    op.drop_index(op.f("ix_credentials_expires_at"), table_name="credentials", if_exists=True)
    op.drop_column("credentials", "former_expires_at")
    op.drop_column("credentials", "replaced_by")
