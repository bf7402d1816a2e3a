"""Runs the migrations over the connection that `authsvc.store.migrate` hands in."""

from alembic import context

from authsvc.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
