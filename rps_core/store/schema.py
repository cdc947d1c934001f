"""The tables in SQLAlchemy Core; `migrations/` holds their history.

`games`, `events` and `promotion_events` keep the names and columns of the original system, because its runbook and its
users query them. Columns that it never filled keep their defaults. Our additions are the last columns of each table.
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from rps_core.game.families import ALIASES, Alias
from rps_core.game.moves import MOVES
from rps_core.store.types import RoundNumber, UtcDateTime

# Where a game comes from. A recording was played against another opponent or under other rules: it counts only for
# training, if recordings are included.
Origin: TypeAlias = Literal["played", "imported", "recording"]
ORIGINS: tuple[Origin, ...] = get_args(Origin)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _points(name: str) -> Column[float]:
    return Column(name, Float, nullable=False, server_default="1.0")


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default="0")


class SlotColumns(NamedTuple):
    """The columns of `events` that hold the prediction of one slot."""

    model: str
    p_rock: str
    p_paper: str
    p_scissors: str


# The columns of each slot in `events`, by alias.
SLOT_COLUMNS = {
    alias: SlotColumns(f"{alias.lower()}_model", *(f"{alias.lower()}_p_{move}" for move in MOVES)) for alias in ALIASES
}


def _slot_columns(alias: Alias) -> Iterator[Column[Any]]:
    model, *probabilities = SLOT_COLUMNS[alias]
    yield Column(model, Integer)
    yield from (Column(name, Float) for name in probabilities)


# These columns decide whether a game counts (`rps_core.store.counting`), so the indexes for statistics include them.
_COUNTED = ("player_kind", "origin", "is_test")

games = Table(
    "games",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("session_id", String(128), nullable=False),
    # Wide enough for the name of any opponent in a recording.
    Column("bot_policy", String(64), nullable=False),
    Column("bot_model_version", String(32), nullable=False),
    Column("user_score", Float, nullable=False, server_default="0"),
    Column("bot_score", Float, nullable=False, server_default="0"),
    Column("winner", String(8)),
    Column("created_ts", UtcDateTime, nullable=False),
    Column("start_ts", UtcDateTime),
    Column("finished_ts", UtcDateTime),
    Column("opening_name", String(32)),
    Column("opening_seq", Text),
    _count("easy_mode"),
    *(_points(f"{move}_pts") for move in ("rock", "paper", "scissors")),
    *(_count(f"user_{choice}_ct") for choice in ("rock", "paper", "scissors", "favored_pick", "favored_beater_pick")),
    _count("is_test"),
    Column("created_ts_utc", UtcDateTime, nullable=False),
    Column("bot_model_alias", String(16), nullable=False, server_default="Production"),
    Column("player_name", String(64)),
    # Our additions: who played, and which model answered.
    Column("player_kind", String(16), nullable=False, server_default="human"),
    Column("model_type", String(32), nullable=False),
    Column("bot_model_run_id", String(32)),
    # 1 if the model changed after it had chosen a move, so that the result belongs to no single version.
    _count("model_switched"),
    # One of `ORIGINS`.
    Column("origin", String(16), nullable=False, server_default="played"),
    # The feature contract of the models that play; NULL is 2.
    Column("contract_version", Integer),
    # Ids of the player's earlier games that the models see, as a JSON list, newest first.
    Column("remembered_games", Text),
    # How the bot turns a prediction into a move; NULL is expected_value.
    Column("choice_rule", String(24)),
    # Key of the values of the rounds: 16 bytes in hex; NULL means that the id of the game is the key.
    Column("value_key", String(32)),
    # Win probability that the bot may lose in this game; NULL if its rule has no bank.
    Column("stake", Float),
    Index("ix_games_created_ts_utc", "created_ts_utc"),
    # A selection of training games reads the newest games of people, then the newest scripted games, and stops.
    Index("ix_games_newest", "player_kind", "created_ts_utc"),
    # A promotion decision reads the newest games of one family.
    Index("ix_games_family", "model_type", "created_ts_utc"),
    # Each of these covers one kind of query in `analytics`, which then reads no rows of the table.
    Index("ix_games_activity", "finished_ts", "created_ts_utc", "bot_policy", "easy_mode", *_COUNTED),
    Index("ix_games_player", "player_name", *_COUNTED, "winner", "created_ts_utc", "bot_policy", "easy_mode"),
    # `is_test` is last: SQLite sorts if a column with one value is between the columns of a GROUP BY.
    Index(
        "ix_games_policy",
        "bot_policy",
        "player_kind",
        "origin",
        "winner",
        "easy_mode",
        "player_name",
        "created_ts_utc",
        "is_test",
    ),
    Index(
        "ix_games_session",
        "session_id",
        "finished_ts",
        "winner",
        "bot_policy",
        "created_ts_utc",
        *_COUNTED,
        "easy_mode",
    ),
    # Results of each version; written at the start and at the end of a game.
    Index(
        "ix_games_version",
        "model_type",
        "bot_model_version",
        "player_kind",
        "winner",
        "model_switched",
        "origin",
        "bot_model_alias",
        "bot_model_run_id",
    ),
)

events = Table(
    "events",
    metadata,
    Column("id", RoundNumber, primary_key=True, autoincrement=True),
    Column("game_id", String(64), ForeignKey("games.id", ondelete="CASCADE"), nullable=False),
    Column("ts", UtcDateTime, nullable=False),
    Column("user_move", String(8), nullable=False),
    Column("bot_move", String(8), nullable=False),
    Column("result", String(8), nullable=False),
    Column("user_delta", Float, nullable=False),
    Column("bot_delta", Float, nullable=False),
    Column("user_score", Float, nullable=False),
    Column("bot_score", Float, nullable=False),
    Column("step_no", Integer, nullable=False),
    *(_points(f"round_{move}_pts") for move in ("rock", "paper", "scissors")),
    # Written by earlier releases: the values of the three rounds before, which are rows of this table too.
    *(Column(f"lag{lag}_{move}_pts", Float) for lag in (1, 2, 3) for move in ("rock", "paper", "scissors")),
    Column("created_ts_utc", UtcDateTime, nullable=False),
    # Our addition: where the probabilities behind the bot's move came from.
    Column("probability_source", String(24), nullable=False, server_default="unknown"),
    # Key that the client sent with the request, so that a repeated request gets the same answer.
    Column("idempotency_key", String(128)),
    # The mixture that the bot drew its move from, the secret uniform draw, and the budget after the round.
    *(Column(f"mix_{move}", Float) for move in MOVES),
    Column("draw", Float),
    Column("budget", Float),
    # For each slot the number of its predictor and the probabilities of the user's move; NULL if it predicted nothing.
    # Columns rather than JSON: eight bytes each, and exact in SQL on both databases.
    *(column for alias in ALIASES for column in _slot_columns(alias)),
    # The only index that every round updates. It also stops two requests from writing the same round.
    UniqueConstraint("game_id", "step_no"),
    # A partial index: most rounds have no key and should not pay for it.
    Index(
        "ix_events_game_id_idempotency_key",
        "game_id",
        "idempotency_key",
        unique=True,
        sqlite_where=text("idempotency_key IS NOT NULL"),
        postgresql_where=text("idempotency_key IS NOT NULL"),
    ),
)


def _prediction_columns() -> Iterator[Column[Any]]:
    yield Column("step_no", Integer, primary_key=True)
    yield Column("alias", String(16), primary_key=True)
    yield from (Column(name, String(32), nullable=False) for name in ("model_type", "model_version", "run_id"))
    yield from (Column(name, Float, nullable=False) for name in ("p_rock", "p_paper", "p_scissors"))
    yield Column("correct", Integer, nullable=False)


# Every model that ever predicted here; the rounds name it by its number. No row is ever changed or deleted.
predictors = Table(
    "predictors",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("model_type", String(32), nullable=False),
    Column("model_version", String(32), nullable=False),
    Column("run_id", String(32), nullable=False),
    UniqueConstraint("run_id", "model_version", "model_type"),
)

# A view with a row for each prediction of each round, from `events` and from the table of earlier releases. Only
# replicas of the previous release insert into it, during an upgrade.
predictions = Table("predictions", MetaData(), Column("game_id", String(64), primary_key=True), *_prediction_columns())

# The predictions that the release before migration 0004 stored, as rows.
earlier_predictions = Table(
    "predictions_before_0004",
    metadata,
    Column("game_id", String(64), ForeignKey("games.id", ondelete="CASCADE"), primary_key=True),
    *_prediction_columns(),
    # SQLite then stores the rows in the order of the key, so that the predictions of a game are on few pages.
    sqlite_with_rowid=False,
)

# What the bot may still lose to a player, in win probability: one bank for each session and opponent. A running game
# holds what it took as a loan.
banks = Table(
    "banks",
    metadata,
    Column("session_id", String(128), primary_key=True),
    Column("bot_policy", String(64), primary_key=True),
    Column("budget", Float, nullable=False),
)
bank_loans = Table(
    "bank_loans",
    metadata,
    Column("game_id", String(64), ForeignKey("games.id", ondelete="CASCADE"), primary_key=True),
    Column("session_id", String(128), nullable=False),
    Column("bot_policy", String(64), nullable=False),
    Index("ix_bank_loans_session_id_bot_policy", "session_id", "bot_policy"),
)

# The manifest of each model that ever played here; the model cache drops a run as soon as no alias points at it.
models = Table(
    "models",
    metadata,
    Column("run_id", String(32), primary_key=True),
    Column("model_type", String(32), nullable=False),
    Column("registered_name", String(64), nullable=False),
    Column("version", String(32), nullable=False),
    Column("first_served_ts", UtcDateTime, nullable=False),
    Column("manifest_json", Text, nullable=False),
)

promotion_events = Table(
    "promotion_events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("created_ts_utc", UtcDateTime, nullable=False),
    Column("model_type", String(32), nullable=False),
    Column("decision", String(32), nullable=False),
    Column("z_statistic", Float),
    Column("p_value", Float),
    Column("production_wins", Integer),
    Column("production_total_games", Integer),
    Column("b_wins", Integer),
    Column("b_total_games", Integer),
    _count("reorder_applied"),
    Column("alias_rankings_json", Text, nullable=False, server_default="[]"),
    Column("alias_accuracies_json", Text, nullable=False, server_default="[]"),
    Column("alias_assignments_json", Text, nullable=False, server_default="[]"),
    Column("production_games_since_swap", Integer),
    Column("b_games_since_swap", Integer),
    Column("promotion_cycles_since_swap", Integer),
    Column("reason", Text),
    Column("source", String(64), nullable=False),
    Column("payload_json", Text, nullable=False),
    # Our additions: the number of the decision in its family, the comparison that it judged, and the one that goes on.
    Column("cycle", Integer),
    Column("comparison_json", Text),
    Column("open_comparison_json", Text),
    # A run that was given up and went on cannot decide a cycle again. Reports of other programs have no cycle.
    Index("ix_promotion_events_model_type_cycle", "model_type", "cycle", unique=True),
    Index("ix_promotion_events_created_ts_utc", "created_ts_utc"),
    Index("ix_promotion_events_model_type_created_ts_utc", "model_type", "created_ts_utc"),
)

# The newest version of each report on models and data, for the API's metrics; each writer replaces its row.
reports = Table(
    "reports",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("created_ts_utc", UtcDateTime, nullable=False),
    Column("payload_json", Text, nullable=False),
)

# Totals of the rounds up to a watermark, so that no process has to count the whole store. The triggers of migration
# 0002 empty the table when rounds are deleted or when a column changes that decides how a game counts.
settled_totals = Table(
    "settled_totals",
    metadata,
    Column("name", String(64), primary_key=True),
    # Identifies one count from zero. A different value under the same name invalidates all earlier totals.
    Column("counting", String(32), nullable=False),
    Column("watermark", RoundNumber, nullable=False),
    Column("payload_json", Text, nullable=False),
)
