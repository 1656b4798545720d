"""How Alembic runs the migrations: on the connection and in the transaction that it is given."""

from alembic import context

from tokenbooth.server.stores.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter most things in place: later migrations rebuild the table.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
