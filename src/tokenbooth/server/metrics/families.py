"""Every metric there is: its name, its labels and what it tells."""

from dataclasses import dataclass
from typing import Literal

PREFIX = "tokenbooth_"
# Seconds. A token takes about 1 ms; what takes longer than 10 s was given up by its client.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Family:
    """A metric. `by_worker` tells the workers apart, and leaves out those that are gone."""

    name: str  # a counter's without its `_total`
    help: str
    labels: tuple[str, ...] = ()
    kind: Literal["counter", "gauge", "histogram"] = "counter"
    by_worker: bool = False


def _tokenbooth(name: str, help_: str, *labels: str) -> Family:
    return Family(PREFIX + name, help_, labels)


def _measured(name: str, help_: str, *labels: str) -> Family:
    return Family(PREFIX + name, help_, labels, "gauge")


def _of_worker(name: str, help_: str, kind: Literal["counter", "gauge"] = "gauge") -> Family:
    return Family(name, help_, ("worker",), kind, by_worker=True)


# Counted by every worker.
TOKEN_REQUESTS = _tokenbooth(
    "token_requests",
    "Token requests. The outcome is issued, refused or client_gone.",
    *("issuer", "outcome", "reason", "auth_method"),
)
TOKEN_SECONDS = Family(
    PREFIX + "token_request_duration_seconds",
    "How long token requests took, whatever their outcome.",
    ("issuer",),
    "histogram",
)
HTTP_SECONDS = Family(
    PREFIX + "http_request_duration_seconds",
    "How long requests took, by endpoint; where it is not ours, until its answer began.",
    ("endpoint",),
    "histogram",
)
TOKENS_ISSUED = _tokenbooth(
    "tokens_issued", "Access tokens issued.", "issuer", "token_format", "audience"
)
INTROSPECTIONS = _tokenbooth(
    "introspections", "Introspections that were answered.", "issuer", "active"
)
REVOCATIONS = _tokenbooth("revocations", "Tokens that their clients revoked.", "issuer")
RATE_LIMITED = _tokenbooth(
    "rate_limited",
    "Requests beyond a limit; those that were served all the same have enforced=false.",
    *("issuer", "limit", "enforced"),
)
HTTP_REQUESTS = _tokenbooth(
    "http_requests", "HTTP requests by endpoint and status.", "endpoint", "status"
)
SIGN_INS = _tokenbooth("sign_ins", "Attempts to sign in to the console.", "outcome", "reason")
CLIENT_LOOKUPS = _tokenbooth(
    "client_cache_lookups", "Look-ups of clients: in memory (hit) or in the database.", "result"
)
DECISIONS_MADE = _tokenbooth(
    "decisions_made", "What a client may have, worked out anew; else it was remembered."
)
REPEATS = _tokenbooth("repeats", "Token requests that repeated an earlier one byte for byte.")
STORE_SECONDS = Family(
    PREFIX + "store_call_duration_seconds",
    "How long the database took: one look-up, transaction or claim, waiting included.",
    ("operation",),
    "histogram",
)
STORE_ERRORS = _tokenbooth(
    "store_errors", "Calls for which the database was away, locked or full.", "operation"
)
LOOP_LAG = Family(
    PREFIX + "event_loop_lag_seconds",
    "How late the event loop did what was due, looked at four times a second.",
    kind="histogram",
)
ACTIVITY_DROPPED = _tokenbooth(
    "activity_dropped",
    "Refused requests that were counted, but not kept one by one: too_many, or database_away.",
    "reason",
)
UPKEEP_FAILURES = _tokenbooth(
    "upkeep_failures", "Rounds of background work that failed, say for lack of a database."
)
REDIS_CALLS = _tokenbooth("redis_calls", "Questions to Valkey or Redis.")
REDIS_LOSSES = _tokenbooth(
    "redis_losses", "How often a worker lost Valkey or Redis, or tried in vain to reach it."
)
COUNTED = (
    *(TOKEN_REQUESTS, TOKEN_SECONDS, TOKENS_ISSUED, INTROSPECTIONS, REVOCATIONS, RATE_LIMITED),
    *(HTTP_REQUESTS, HTTP_SECONDS, SIGN_INS, CLIENT_LOOKUPS, DECISIONS_MADE),
    REPEATS,
    *(STORE_SECONDS, STORE_ERRORS, LOOP_LAG, ACTIVITY_DROPPED, UPKEEP_FAILURES),
    *(REDIS_CALLS, REDIS_LOSSES),
)

# Measured by every worker of itself.
REGISTRY_SEEN = _of_worker(
    PREFIX + "registry_lag_seconds", "Seconds since a worker last took over what was changed."
)
REGISTRY_REVISION = _of_worker(
    PREFIX + "registry_revision", "The last change that a worker took over, by its number."
)
CONNECTIONS = _of_worker(PREFIX + "connections", "Connections that are open.")
UNDER_WAY = _of_worker(PREFIX + "requests_under_way", "Requests that are being answered.")
CACHED_CLIENTS = _of_worker(PREFIX + "client_cache_entries", "Clients that a worker remembers.")
ACTIVITY_PENDING = _of_worker(
    PREFIX + "activity_pending", "Counts and refused requests that wait to be written."
)
REDIS_UP = _of_worker(PREFIX + "redis_up", "Whether a worker reaches Valkey or Redis.")
CPU_SECONDS = _of_worker("process_cpu_seconds", "User and system CPU time spent.", "counter")
MEMORY_BYTES = _of_worker("process_resident_memory_bytes", "Resident memory.")
OPEN_FILES = _of_worker("process_open_fds", "Open file descriptors.")
MOST_FILES = _of_worker("process_max_fds", "The most file descriptors that may be open.")
STARTED_AT = _of_worker("process_start_time_seconds", "When the process started, Unix time.")
OF_WORKERS = (
    *(REGISTRY_SEEN, REGISTRY_REVISION, CONNECTIONS, UNDER_WAY),
    *(CACHED_CLIENTS, ACTIVITY_PENDING, REDIS_UP),
    *(CPU_SECONDS, MEMORY_BYTES, OPEN_FILES, MOST_FILES, STARTED_AT),
)

# Asked of the service and its database when somebody looks.
BUILD_INFO = _measured("build_info", "The program that runs here; always 1.", "version", "python")
WORKERS = _measured("workers", "Worker processes that live.")
DATABASE_UP = _measured("database_up", "Whether the database can be read and written.")
DATABASE_REVISION = _measured("database_revision", "The number of the last change in the database.")
AUDIT_HEAD = _measured("audit_head_seq", "The number of the audit trail's last entry.")
CLIENTS = _measured("clients", "Registered clients, enabled or disabled.", "issuer", "status")
SECRETS_EXPIRING = _measured(
    "secrets_expiring",
    "Credentials that end within 7d or 30d and are not being replaced.",
    *("issuer", "kind", "window"),
)
KEYS = _measured(
    "keys", "The service's own keys: next, current or retired.", "issuer", "purpose", "state"
)
KEY_AGE = _measured(
    "signing_key_age_seconds", "For how long the signing key has been in use.", "issuer"
)
KEY_LIFETIME = _measured(
    "signing_key_lifetime_seconds", "For how long a signing key is to be in use.", "issuer"
)
ISSUER_USABLE = _measured("issuer_usable", "Whether the issuer can be served.", "issuer")
MEASURED = (
    *(
        BUILD_INFO,
        WORKERS,
        DATABASE_UP,
        DATABASE_REVISION,
        AUDIT_HEAD,
        CLIENTS,
        SECRETS_EXPIRING,
        KEYS,
    ),
    *(KEY_AGE, KEY_LIFETIME, ISSUER_USABLE),
)

ALL = (*COUNTED, *OF_WORKERS, *MEASURED)
