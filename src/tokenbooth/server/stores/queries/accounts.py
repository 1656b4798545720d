"""Accounts, their members, and the invitations by which these come in."""

from sqlalchemy import Connection, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from tokenbooth.server.people_records import Invitation, Member
from tokenbooth.server.records import Account
from tokenbooth.server.stores.contract import AlreadyExists, NotFound, Stale, StillInUse
from tokenbooth.server.stores.people_rows import (
    invitation_of,
    invitation_row,
    member_of,
    member_row,
)
from tokenbooth.server.stores.queries.seen import require_seen
from tokenbooth.server.stores.rows import account_of, account_row, names_of, to_json
from tokenbooth.server.stores.tables import accounts, clients, invitations, members


def list_accounts(connection: Connection) -> tuple[Account, ...]:
    """Return all accounts by name."""
    return tuple(
        account_of(row) for row in connection.execute(select(accounts).order_by(accounts.c.name))
    )


def get_account(connection: Connection, name: str) -> Account | None:
    """Return the account of that name."""
    row = connection.execute(select(accounts).where(accounts.c.name == name)).first()
    return None if row is None else account_of(row)


def add_account(connection: Connection, account: Account) -> None:
    """Insert the account."""
    if connection.execute(select(1).where(accounts.c.name == account.name)).first():
        raise AlreadyExists(f"There is an account {account.name!r} already.")
    connection.execute(insert(accounts), account_row(account))


def replace_account(connection: Connection, account: Account, seen: Account | None) -> None:
    """Update the account of that name."""
    chosen = accounts.c.name == account.name
    current = get_account(connection, account.name)
    if current is None:
        raise _no_account(account.name)
    if seen is not None:
        require_seen(current, seen)
    connection.execute(update(accounts).where(chosen).values(account_row(account)))


def delete_account(connection: Connection, name: str) -> None:
    """Delete the account with its invitations, unless something is its own."""
    require_account(connection, name)
    for table, what in ((clients, "clients"), (members, "members")):
        if connection.execute(select(1).where(table.c.account == name).limit(1)).first():
            raise StillInUse(f"The account {name!r} still has {what}.")
    connection.execute(delete(invitations).where(invitations.c.account == name))
    connection.execute(delete(accounts).where(accounts.c.name == name))


def count_of(connection: Connection, name: str) -> tuple[int, int]:
    """Return how many clients and members the account has."""
    of_clients = select(func.count()).where(clients.c.account == name)
    of_members = select(func.count()).where(members.c.account == name)
    return connection.execute(of_clients).scalar_one(), connection.execute(of_members).scalar_one()


def require_account(connection: Connection, name: str | None) -> None:
    """Raise NotFound for a name that no account has; None is no account."""
    if name is None:
        return
    if not connection.execute(select(1).where(accounts.c.name == name)).first():
        raise _no_account(name)


def get_member(connection: Connection, member_id: str) -> Member | None:
    """Return the member of that id."""
    row = connection.execute(select(members).where(members.c.id == member_id)).first()
    return None if row is None else member_of(row)


def find_member(
    connection: Connection, *, email: str | None, identity: str | None
) -> Member | None:
    """Return the member of that email, or else of that identity."""
    column, value = (members.c.identity, identity) if email is None else (members.c.email, email)
    row = connection.execute(select(members).where(column == value)).first()
    return None if row is None else member_of(row)


def list_members(connection: Connection, account: str | None) -> tuple[Member, ...]:
    """Return members by email."""
    chosen = select(members).order_by(members.c.email)
    if account is not None:
        chosen = chosen.where(members.c.account == account)
    return tuple(member_of(row) for row in connection.execute(chosen))


def add_member(connection: Connection, member: Member, invitation: str | None) -> None:
    """Insert the member, and use up the invitation."""
    _use_up(connection, invitation)
    require_account(connection, member.account)
    _refuse_taken(connection, member)
    try:
        with connection.begin_nested():
            connection.execute(insert(members), member_row(member))
    except IntegrityError as error:
        raise AlreadyExists(f"There is a member {member.email!r} already.") from error


def replace_member(
    connection: Connection, member: Member, *, seen: Member | None, invitation: str | None
) -> None:
    """Update the member of that id, and use up the invitation."""
    current = get_member(connection, member.id)
    if current is None:
        raise NotFound("There is no such member.")
    if seen is not None:
        require_seen(current, seen)
    _use_up(connection, invitation)
    require_account(connection, member.account)
    _refuse_taken(connection, member)
    if not (member.enabled and member.role == "operator"):
        _refuse_last_operator(connection, member.id)
    connection.execute(update(members).where(members.c.id == member.id).values(member_row(member)))


def delete_member(connection: Connection, member_id: str) -> None:
    """Delete the member; the sessions go with it."""
    _refuse_last_operator(connection, member_id)
    if not connection.execute(delete(members).where(members.c.id == member_id)).rowcount:
        raise NotFound("There is no such member.")


def spend_step(connection: Connection, member_id: str, step: int) -> None:
    """Remember the time step unless one as new is known."""
    chosen = update(members).where(members.c.id == member_id, members.c.totp_step < step)
    if not connection.execute(chosen.values(totp_step=step)).rowcount:
        raise Stale("This code was used already.")


def spend_recovery_code(connection: Connection, member_id: str, digest: str) -> None:
    """Take the digest off the member's list."""
    own = members.c.id == member_id
    row = connection.execute(select(members.c.recovery_codes).where(own).with_for_update()).first()
    left = [] if row is None else list(names_of(row[0]))
    if digest not in left:
        raise Stale("This recovery code was used already.")
    left.remove(digest)
    connection.execute(update(members).where(own).values(recovery_codes=to_json(left)))


def add_invitation(connection: Connection, invitation: Invitation) -> None:
    """Insert the invitation."""
    require_account(connection, invitation.account)
    if get_invitation(connection, invitation.digest) is not None:
        raise AlreadyExists("There is that invitation already.")
    connection.execute(insert(invitations), invitation_row(invitation))


def get_invitation(connection: Connection, digest: str) -> Invitation | None:
    """Return the invitation of that digest."""
    row = connection.execute(select(invitations).where(invitations.c.digest == digest)).first()
    return None if row is None else invitation_of(row)


def list_invitations(connection: Connection, account: str | None) -> tuple[Invitation, ...]:
    """Return invitations, oldest first."""
    chosen = select(invitations).order_by(invitations.c.created_at, invitations.c.digest)
    if account is not None:
        chosen = chosen.where(invitations.c.account == account)
    return tuple(invitation_of(row) for row in connection.execute(chosen))


def delete_invitation(connection: Connection, digest: str) -> None:
    """Delete the invitation."""
    if not connection.execute(delete(invitations).where(invitations.c.digest == digest)).rowcount:
        raise NotFound("There is no such invitation, or it is used up.")


def _use_up(connection: Connection, invitation: str | None) -> None:
    if invitation is not None:
        delete_invitation(connection, invitation)


def _refuse_last_operator(connection: Connection, member_id: str) -> None:
    """Raise StillInUse when nobody but this member is left to run the service."""
    enabled = members.c.enabled.is_(True) & (members.c.role == "operator")
    # Locked in one order: two operators who remove each other at once must not both succeed.
    asked = select(members.c.id).where(enabled).order_by(members.c.id).with_for_update()
    if [row[0] for row in connection.execute(asked)] == [member_id]:
        raise StillInUse("This is the last operator who can sign in. Make another operator first.")


def _refuse_taken(connection: Connection, member: Member) -> None:
    taken = members.c.email == member.email
    if member.identity is not None:
        taken = or_(taken, members.c.identity == member.identity)
    if connection.execute(select(1).where(taken, members.c.id != member.id)).first():
        raise AlreadyExists(f"There is a member {member.email!r} already.")


def _no_account(name: str) -> NotFound:
    return NotFound(f"There is no account {name!r}.")
