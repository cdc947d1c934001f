"""The first schema: games, events, predictions, the promotion ledger and reports.

Revision: 0001, the first.
"""

import sqlalchemy as sa
from alembic import op

from rps_core.store.types import RoundNumber, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

COUNTED = ["player_kind", "origin", "is_test"]
MOVES = ("rock", "paper", "scissors")
GAME_INDEXES = {
    "ix_games_created_ts_utc": ["created_ts_utc"],
    "ix_games_activity": ["finished_ts", "created_ts_utc", "bot_policy", "easy_mode", *COUNTED],
    "ix_games_player": ["player_name", *COUNTED, "winner", "created_ts_utc", "bot_policy", "easy_mode"],
    "ix_games_policy": [
        "bot_policy",
        "player_kind",
        "origin",
        "winner",
        "easy_mode",
        "player_name",
        "created_ts_utc",
        "is_test",
    ],
    "ix_games_session": ["session_id", "finished_ts", "winner", "bot_policy", "created_ts_utc", *COUNTED, "easy_mode"],
}


def _points(prefix: str) -> "list[sa.Column[float]]":
    return [sa.Column(f"{prefix}{move}_pts", sa.Float(), server_default="1.0", nullable=False) for move in MOVES]


def _count(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer(), server_default="0", nullable=False)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "games",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=128), nullable=False),
        sa.Column("bot_policy", sa.String(length=64), nullable=False),
        sa.Column("bot_model_version", sa.String(length=32), nullable=False),
        sa.Column("user_score", sa.Float(), server_default="0", nullable=False),
        sa.Column("bot_score", sa.Float(), server_default="0", nullable=False),
        sa.Column("winner", sa.String(length=8), nullable=True),
        sa.Column("created_ts", UtcDateTime(), nullable=False),
        sa.Column("start_ts", UtcDateTime(), nullable=True),
        sa.Column("finished_ts", UtcDateTime(), nullable=True),
        sa.Column("opening_name", sa.String(length=32), nullable=True),
        sa.Column("opening_seq", sa.Text(), nullable=True),
        _count("easy_mode"),
        *_points(""),
        *(_count(f"user_{choice}_ct") for choice in (*MOVES, "favored_pick", "favored_beater_pick")),
        _count("is_test"),
        sa.Column("created_ts_utc", UtcDateTime(), nullable=False),
        sa.Column("bot_model_alias", sa.String(length=16), server_default="Production", nullable=False),
        sa.Column("player_name", sa.String(length=64), nullable=True),
        sa.Column("player_kind", sa.String(length=16), server_default="human", nullable=False),
        sa.Column("model_type", sa.String(length=32), nullable=False),
        sa.Column("bot_model_run_id", sa.String(length=32), nullable=True),
        _count("model_switched"),
        sa.Column("origin", sa.String(length=16), server_default="played", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_games")),
    )
    for name, columns in GAME_INDEXES.items():
        op.create_index(name, "games", columns, unique=False)
    op.create_table(
        "promotion_events",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("created_ts_utc", UtcDateTime(), nullable=False),
        sa.Column("model_type", sa.String(length=32), nullable=False),
        sa.Column("decision", sa.String(length=32), nullable=False),
        sa.Column("z_statistic", sa.Float(), nullable=True),
        sa.Column("p_value", sa.Float(), nullable=True),
        sa.Column("production_wins", sa.Integer(), nullable=True),
        sa.Column("production_total_games", sa.Integer(), nullable=True),
        sa.Column("b_wins", sa.Integer(), nullable=True),
        sa.Column("b_total_games", sa.Integer(), nullable=True),
        _count("reorder_applied"),
        sa.Column("alias_rankings_json", sa.Text(), server_default="[]", nullable=False),
        sa.Column("alias_accuracies_json", sa.Text(), server_default="[]", nullable=False),
        sa.Column("alias_assignments_json", sa.Text(), server_default="[]", nullable=False),
        sa.Column("production_games_since_swap", sa.Integer(), nullable=True),
        sa.Column("b_games_since_swap", sa.Integer(), nullable=True),
        sa.Column("promotion_cycles_since_swap", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("payload_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promotion_events")),
    )
    op.create_index("ix_promotion_events_created_ts_utc", "promotion_events", ["created_ts_utc"], unique=False)
    op.create_index(
        "ix_promotion_events_model_type_created_ts_utc",
        "promotion_events",
        ["model_type", "created_ts_utc"],
        unique=False,
    )
    op.create_table(
        "models",
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("model_type", sa.String(length=32), nullable=False),
        sa.Column("registered_name", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("first_served_ts", UtcDateTime(), nullable=False),
        sa.Column("manifest_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_models")),
    )
    op.create_table(
        "reports",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("created_ts_utc", UtcDateTime(), nullable=False),
        sa.Column("payload_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_reports")),
    )
    op.create_table(
        "events",
        sa.Column("id", RoundNumber, autoincrement=True, nullable=False),
        sa.Column("game_id", sa.String(length=64), nullable=False),
        sa.Column("ts", UtcDateTime(), nullable=False),
        sa.Column("user_move", sa.String(length=8), nullable=False),
        sa.Column("bot_move", sa.String(length=8), nullable=False),
        sa.Column("result", sa.String(length=8), nullable=False),
        sa.Column("user_delta", sa.Float(), nullable=False),
        sa.Column("bot_delta", sa.Float(), nullable=False),
        sa.Column("user_score", sa.Float(), nullable=False),
        sa.Column("bot_score", sa.Float(), nullable=False),
        sa.Column("step_no", sa.Integer(), nullable=False),
        *(column for prefix in ("round_", "lag1_", "lag2_", "lag3_") for column in _points(prefix)),
        sa.Column("created_ts_utc", UtcDateTime(), nullable=False),
        sa.Column("probability_source", sa.String(length=24), server_default="unknown", nullable=False),
        sa.Column("idempotency_key", sa.String(length=128), nullable=True),
        sa.ForeignKeyConstraint(["game_id"], ["games.id"], name=op.f("fk_events_game_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("game_id", "step_no", name=op.f("uq_events_game_id_step_no")),
    )
    op.create_index(
        "ix_events_game_id_idempotency_key",
        "events",
        ["game_id", "idempotency_key"],
        unique=True,
        sqlite_where=sa.text("idempotency_key IS NOT NULL"),
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_table(
        "predictions",
        sa.Column("game_id", sa.String(length=64), nullable=False),
        sa.Column("step_no", sa.Integer(), nullable=False),
        sa.Column("alias", sa.String(length=16), nullable=False),
        sa.Column("model_type", sa.String(length=32), nullable=False),
        sa.Column("model_version", sa.String(length=32), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("p_rock", sa.Float(), nullable=False),
        sa.Column("p_paper", sa.Float(), nullable=False),
        sa.Column("p_scissors", sa.Float(), nullable=False),
        sa.Column("correct", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["game_id"], ["games.id"], name=op.f("fk_predictions_game_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("game_id", "step_no", "alias", name=op.f("pk_predictions")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop the tables with their indexes."""
    for table in ("reports", "models", "predictions", "events", "promotion_events", "games"):
        op.drop_table(table)
