"""Run by Alembic for every command. The connection comes from storage/migrate.py, transaction included."""

from alembic import context

from storage import schema_logins, schema_people, schema_support  # noqa: F401  (their tables belong to the metadata)
from storage.migrate import in_models
from storage.schema import Base


def run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=in_models,
        render_as_batch=True,  # SQLite changes a column only by rebuilding its table
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
