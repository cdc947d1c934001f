"""Totals that outlive a process, and an index for the results of each model version.

The triggers delete the totals if rounds are deleted, or if a column changes that decides how a game counts. Play fires
neither.

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

from rps_core.store.types import RoundNumber

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

VERSION_INDEX = [
    "model_type",
    "bot_model_version",
    "player_kind",
    "winner",
    "model_switched",
    "origin",
    "bot_model_alias",
    "bot_model_run_id",
]
# These columns decide how a game counts; no round changes them.
COUNTED_COLUMNS = "player_kind, origin, is_test, created_ts_utc, bot_policy, model_type, bot_model_alias, easy_mode"
TRIGGERS = {
    "tr_events_deleted": ("DELETE", "events"),
    "tr_games_changed": (f"UPDATE OF {COUNTED_COLUMNS}", "games"),
}


def upgrade() -> None:
    """Add the table, the index and the triggers; the first process that needs the totals counts them."""
    op.create_table(
        "settled_totals",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("counting", sa.String(length=32), nullable=False),
        sa.Column("watermark", RoundNumber, nullable=False),
        sa.Column("payload_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_settled_totals")),
    )
    op.create_index("ix_games_version", "games", VERSION_INDEX, unique=False)
    is_postgresql = op.get_context().dialect.name == "postgresql"
    if is_postgresql:
        op.execute(
            "CREATE OR REPLACE FUNCTION forget_settled_totals() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN DELETE FROM settled_totals; RETURN NULL; END $$"
        )
    for name, (change, table) in TRIGGERS.items():
        action = (
            "FOR EACH STATEMENT EXECUTE FUNCTION forget_settled_totals()"
            if is_postgresql
            else "BEGIN DELETE FROM settled_totals; END"
        )
        op.execute(f"CREATE TRIGGER {name} AFTER {change} ON {table} {action}")


def downgrade() -> None:
    """Drop the triggers, the index and the table."""
    is_postgresql = op.get_context().dialect.name == "postgresql"
    for name, (_, table) in TRIGGERS.items():
        op.execute(f"DROP TRIGGER {name} ON {table}" if is_postgresql else f"DROP TRIGGER {name}")
    if is_postgresql:
        op.execute("DROP FUNCTION forget_settled_totals()")
    op.drop_index("ix_games_version", table_name="games")
    op.drop_table("settled_totals")
