"""Columns of the graph's tables, and the columns of the gameplay store that each feature is computed from."""

from collections.abc import Iterable

import dagster as dg

from rps_assets.assets import keys
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.features.meanings import meaning
from rps_core.game.moves import MOVES
from rps_core.store.schema import events

_POINTS = tuple(f"round_{move}_pts" for move in MOVES)
_MOVES = ("user_move", "bot_move")
# Columns of `events` behind the features, by the beginning of their names; the first that fits counts.
_SOURCES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("last_rank", ("user_move", *_POINTS)),
    ("last_", ("user_move",)),
    ("value_", ("user_move", *_POINTS)),
    ("top_is_", ("user_move", *_POINTS)),
    ("result_-", _MOVES),
    ("step_-", ("user_move",)),
    ("same_", ("user_move",)),
    ("win_streak", _MOVES),
    ("lose_streak", _MOVES),
    ("draw_streak", _MOVES),
    ("recent_", ("user_move",)),
    ("after_step_", ("user_move",)),
    ("after_moves_", ("user_move",)),
    ("after_", _MOVES),
    ("habit_", ("user_move",)),
    ("beats_bot_rank", (*_MOVES, *_POINTS)),
    ("beats_bot_", _MOVES),
    ("rank_after_result", (*_MOVES, *_POINTS)),
    ("rank_", ("user_move", *_POINTS)),
    ("round_no", ("step_no",)),
    ("score_diff", ("user_score", "bot_score")),
    ("user_pts_to_win", ("user_score",)),
    ("bot_pts_to_win", ("bot_score",)),
)
GAMES_SCHEMA = dg.TableSchema(
    columns=[
        dg.TableColumn("game_id", "string", "id of the game"),
        dg.TableColumn("created_at", "timestamp", "when the game began, UTC"),
        dg.TableColumn("player_kind", "string", "human or scripted"),
        dg.TableColumn("player_name", "string", "name as displayed"),
        dg.TableColumn("easy_mode", "int64", "1 for the retired easy games"),
        dg.TableColumn("examples", "int64", "rounds in which a policy chose the bot's move"),
    ]
)


def rounds_schema() -> dg.TableSchema:
    """Return the columns of gameplay/rounds, which are those of the table `events`."""
    columns = [dg.TableColumn(column.name, str(column.type).lower()) for column in events.columns]
    return dg.TableSchema(columns=columns)


def features_schema() -> dg.TableSchema:
    """Return the columns of training/features."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn("game_id", "string", "id of the game"),
            dg.TableColumn("created_at", "timestamp", "when the game began, UTC"),
            *(dg.TableColumn(name, "float64", meaning(name)) for name in CURRENT_CONTRACT.columns),
            dg.TableColumn("label", "int8", "the move the player made: 0 rock, 1 paper, 2 scissors"),
        ]
    )


def features_lineage() -> dg.TableColumnLineage:
    """Return the columns of gameplay/rounds behind the columns of training/features; some come from the game alone."""
    of_round = {"game_id": ("game_id",), "label": ("user_move",)}
    sources = {**{name: sources_of(name) for name in CURRENT_CONTRACT.columns}, **of_round}
    return dg.TableColumnLineage({name: _from(keys.ROUNDS, columns) for name, columns in sources.items() if columns})


def dataset_schema() -> dg.TableSchema:
    """Return the columns of training/dataset."""
    game_id, created_at, *others = features_schema().columns
    kind = dg.TableColumn("player_kind", "string", "human or scripted")
    return dg.TableSchema(columns=[game_id, created_at, kind, *others])


def dataset_lineage() -> dg.TableColumnLineage:
    """Return the source columns of each column of training/dataset."""
    of_game = {name: _from(keys.TRAINING_GAMES, [name]) for name in ("game_id", "created_at", "player_kind")}
    copied = {name: _from(keys.FEATURES, [name]) for name in (*CURRENT_CONTRACT.columns, "label")}
    return dg.TableColumnLineage({**copied, **of_game})


def sources_of(feature: str) -> tuple[str, ...]:
    """Return the columns of `events` that a feature is computed from, in this round, earlier ones or earlier games.

    Raises:
        KeyError: the feature is not described here; a new contract must describe its features.
    """
    for beginning, sources in _SOURCES:
        if feature.startswith(beginning):
            return sources
    raise KeyError(f"the sources of the feature {feature!r} are unknown; add it to rps_assets/assets/columns.py")


def _from(key: dg.AssetKey, columns: Iterable[str]) -> list[dg.TableColumnDep]:
    return [dg.TableColumnDep(asset_key=key, column_name=column) for column in columns]
