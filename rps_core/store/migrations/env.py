"""Alembic's entry point: runs the migrations on the connection that `migrating` passes."""

from alembic import context

from rps_core.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
context.run_migrations()
