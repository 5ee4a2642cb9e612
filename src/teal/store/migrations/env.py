"""Run by Alembic for every command: on the caller's connection and in the caller's transaction (schema.py)."""

from alembic import context

from teal.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
