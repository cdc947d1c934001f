"""A round is one row: its predictions move into the row of `events`, and `predictions` becomes a view.

This migration only expands, so replicas of the previous release keep playing while it runs and afterwards. It copies no
rows and takes as long for a million rounds as for ten. Earlier predictions stay in their table under another name. The
view shows them together with those in `events`, and a trigger lets an older replica insert into it.

The way back writes every prediction and every lagged value where the previous release expects it.

Revision: 0004, after 0003.
"""

import logging
import re
import time
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import OperationalError

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOVES = ("rock", "paper", "scissors")
LAGGED = [f"lag{lag}_{move}_pts" for lag in (1, 2, 3) for move in MOVES]
ALIASES = {"production": "Production", "b": "B", "shadow1": "shadow1", "shadow2": "shadow2"}
EARLIER = "predictions_before_0004"
COLUMNS = "game_id, step_no, alias, model_type, model_version, run_id, p_rock, p_paper, p_scissors, correct"
VALUES = ", ".join(f"NEW.{name}" for name in COLUMNS.split(", "))
GAME_COLUMNS: dict[str, Any] = {
    "contract_version": sa.Integer(),
    "remembered_games": sa.Text(),
    "choice_rule": sa.String(length=24),
    "value_key": sa.String(length=32),
    "stake": sa.Float(),
}
ROUND_VALUES = ("mix_rock", "mix_paper", "mix_scissors", "draw", "budget")
DELETED = "CREATE TRIGGER tr_events_deleted AFTER DELETE ON events BEGIN DELETE FROM settled_totals; END"
LOCK_SECONDS, LOCK_ATTEMPTS = 0.2, 300

_LOG = logging.getLogger(__name__)


def upgrade() -> None:
    """Add the columns, the table of predictors, and the view."""
    is_postgresql = op.get_context().dialect.name == "postgresql"
    if is_postgresql:
        _lock_tables()
    _make_lagged_optional(is_postgresql=is_postgresql)
    for name, kind in GAME_COLUMNS.items():
        op.add_column("games", sa.Column(name, kind, nullable=True))
    for column in _event_columns():
        op.add_column("events", column)
    op.create_table(
        "predictors",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("model_type", sa.String(length=32), nullable=False),
        sa.Column("model_version", sa.String(length=32), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_predictors")),
        sa.UniqueConstraint(
            "run_id", "model_version", "model_type", name=op.f("uq_predictors_run_id_model_version_model_type")
        ),
    )
    op.rename_table("predictions", EARLIER)
    branches = [f"SELECT {COLUMNS} FROM {EARLIER}", *(_select_packed(slot) for slot in ALIASES)]  # noqa: S608 - built from our own names
    op.execute(f"CREATE VIEW predictions AS {' UNION ALL '.join(branches)}")
    insert = f"INSERT INTO {EARLIER} ({COLUMNS}) VALUES ({VALUES})"  # noqa: S608 - built from our own names
    if is_postgresql:
        op.execute(
            f"CREATE OR REPLACE FUNCTION keep_prediction() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {insert}; RETURN NEW; END $$"
        )
        action = "FOR EACH ROW EXECUTE FUNCTION keep_prediction()"
    else:
        action = f"BEGIN {insert}; END"
    op.execute(f"CREATE TRIGGER tr_predictions_inserted INSTEAD OF INSERT ON predictions {action}")


def downgrade() -> None:
    """Write predictions as rows again, fill the lagged values, and drop what was added."""
    is_postgresql = op.get_context().dialect.name == "postgresql"
    op.execute("DROP VIEW predictions")
    if is_postgresql:
        op.execute("DROP FUNCTION keep_prediction()")
    for slot, alias in ALIASES.items():
        _LOG.info("writing the predictions of %s as rows", alias)
        op.execute(f"INSERT INTO {EARLIER} ({COLUMNS}) {_select_packed(slot)}")
    op.rename_table(EARLIER, "predictions")
    op.drop_table("predictors")
    _fill_lagged()
    _LOG.info("dropping the columns of the newer release")
    added = [column.name for column in _event_columns()]
    with op.batch_alter_table("events") as events:
        for name in LAGGED:
            events.alter_column(name, existing_type=sa.Float(), nullable=False, server_default="1.0")
        for name in added:
            events.drop_column(name)
    if not is_postgresql:
        # The table was copied, and its trigger went with the old one.
        op.execute(DELETED)
    for name in GAME_COLUMNS:
        # Not as a batch: SQLite would delete the rounds together with the copied table of games.
        op.drop_column("games", name)


def _event_columns() -> "list[sa.Column[float] | sa.Column[int]]":
    columns: list[sa.Column[float] | sa.Column[int]] = [sa.Column(name, sa.Float()) for name in ROUND_VALUES]
    for slot in ALIASES:
        columns.append(sa.Column(f"{slot}_model", sa.Integer()))
        columns += [sa.Column(f"{slot}_p_{move}", sa.Float()) for move in MOVES]
    return columns


def _lock_tables() -> None:
    """Lock the tables together; players wait for a fifth of a second at most, even behind a long query.

    Raises:
        sqlalchemy.exc.OperationalError: another transaction held a table for a minute.
    """
    connection = op.get_bind()
    connection.execute(sa.text(f"SET LOCAL lock_timeout = '{int(1_000 * LOCK_SECONDS)}ms'"))
    for attempt in range(1, LOCK_ATTEMPTS + 1):
        try:
            # A failed attempt lets go of the tables that it already had, so that nobody waits in a circle.
            with connection.begin_nested():
                connection.execute(sa.text("LOCK TABLE games, events, predictions IN ACCESS EXCLUSIVE MODE"))
            break
        except OperationalError:
            if attempt == LOCK_ATTEMPTS:
                raise
            if attempt % 25 == 1:
                _LOG.info("waiting for transactions that read or write games")
            time.sleep(LOCK_SECONDS)
    connection.execute(sa.text("SET LOCAL lock_timeout = 0"))


def _make_lagged_optional(*, is_postgresql: bool) -> None:
    if is_postgresql:
        for name in LAGGED:
            op.alter_column("events", name, existing_type=sa.Float(), nullable=True, server_default=None)
        return
    # https://www.sqlite.org/lang_altertable.html: NOT NULL and DEFAULT change nothing in the stored rows, so they may
    # be removed from the text of the schema, and the table need not be copied.
    connection = op.get_bind()
    sql = connection.scalar(sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'events'"))
    optional, found = re.subn(r'("?\blag\d_\w+_pts"? FLOAT)[^,]*', r"\1", sql or "")
    if found != len(LAGGED):
        raise RuntimeError(f"the table events has {found} of the {len(LAGGED)} lagged columns")
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.execute(
        sa.text("UPDATE sqlite_master SET sql = :sql WHERE type = 'table' AND name = 'events'"), {"sql": optional}
    )
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")


def _select_packed(slot: str) -> str:
    """Return the query of the predictions of one slot, in the columns of the old table."""
    rock, paper, scissors = (f"e.{slot}_p_{move}" for move in MOVES)
    return (
        f"SELECT e.game_id, e.step_no, '{ALIASES[slot]}', m.model_type, m.model_version, m.run_id, "  # noqa: S608 - built from our own names
        f"{rock}, {paper}, {scissors}, CASE e.user_move "
        f"WHEN 'rock' THEN CASE WHEN {rock} >= {paper} AND {rock} >= {scissors} THEN 1 ELSE 0 END "
        f"WHEN 'paper' THEN CASE WHEN {paper} > {rock} AND {paper} >= {scissors} THEN 1 ELSE 0 END "
        f"ELSE CASE WHEN {scissors} > {rock} AND {scissors} > {paper} THEN 1 ELSE 0 END END "
        f"FROM events AS e JOIN predictors AS m ON m.id = e.{slot}_model"
    )


def _fill_lagged() -> None:
    _LOG.info("filling the points of earlier rounds")
    points = ", ".join(f"coalesce(max(earlier.round_{move}_pts), 1.0)" for move in MOVES)
    values = ", ".join(
        f"({', '.join(f'lag{lag}_{move}_pts' for move in MOVES)}) = (SELECT {points} FROM events AS earlier WHERE "  # noqa: S608 - built from our own names
        f"earlier.game_id = events.game_id AND earlier.step_no = events.step_no - {lag})"
        for lag in (1, 2, 3)
    )
    op.execute(f"UPDATE events SET {values} WHERE lag1_rock_pts IS NULL")  # noqa: S608 - built from our own names
