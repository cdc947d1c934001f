"""The PostgreSQL database that the tests of a session share."""

from sqlalchemy import Engine


def make_empty(engine: Engine) -> None:
    """Drop all tables, so that the next test finds the database as it was created."""
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
