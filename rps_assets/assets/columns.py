"""Columns of the graph's tables, and the columns of the gameplay store that each feature is computed from."""

from collections.abc import Iterable

import dagster as dg

from rps_assets.assets import keys
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.moves import MOVES
from rps_core.store.schema import events

_POINTS = tuple(f"round_{move}_pts" for move in MOVES)
# Features by the beginning of their names: source columns in the table `events`, and meaning.
_SOURCES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("user_pts_to_win", ("user_score",), "points the player needs to win"),
    ("bot_pts_to_win", ("bot_score",), "points the bot needs to win"),
    ("user_tend_", ("user_move",), "share of this move among the player's moves so far"),
    ("user_-", ("user_move",), "1 if the player's move {lag} before was {value}"),
    ("bot_-", ("bot_move",), "1 if the bot's move {lag} before was {value}"),
    ("res_-", ("user_move", "bot_move"), "1 if the result {lag} before was {value}, from the player's side"),
    ("points_-", (), "points that {value} was worth {lag} before"),
    ("tend_fav", ("user_move", *_POINTS), "share of rounds in which the player took this rank by value"),
    ("score_diff", ("user_score", "bot_score"), "the player's points minus the bot's"),
    ("step_no", ("step_no",), "number of the round; the first is 1"),
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
            dg.TableColumn("round_no", "int64", "number of the round; the first is 4"),
            *(dg.TableColumn(name, "float64", meaning_of(name)) for name in CURRENT_CONTRACT.columns),
            dg.TableColumn("label", "int8", "the move the player made: 0 rock, 1 paper, 2 scissors"),
        ]
    )


def features_lineage() -> dg.TableColumnLineage:
    """Return the columns of gameplay/rounds behind the columns of training/features; some come from the game alone."""
    of_round = {"game_id": ("game_id",), "round_no": ("step_no",), "label": ("user_move",)}
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
    copied = {name: _from(keys.FEATURES, [name]) for name in ("round_no", *CURRENT_CONTRACT.columns, "label")}
    return dg.TableColumnLineage({**copied, **of_game})


def sources_of(feature: str) -> tuple[str, ...]:
    """Return the columns of `events` that a feature is computed from, in this round or earlier ones.

    Raises:
        KeyError: the feature is not described here; a new contract must describe its features.
    """
    for move, column in zip(MOVES, _POINTS, strict=True):
        if feature == f"{move}_pts" or (feature.startswith("points_-") and feature.endswith(f"_{move}")):
            return (column,)
    if feature == "easy_mode":
        return ()
    return _described(feature)[0]


def meaning_of(feature: str) -> str:
    """Return the meaning of a feature in a few words.

    Raises:
        KeyError: the feature is not described here.
    """
    if feature.endswith("_pts") and feature.removesuffix("_pts") in MOVES:
        return f"points that {feature.removesuffix('_pts')} is worth in this round"
    if feature == "easy_mode":
        return "1 for the retired easy games"
    lag, _, value = feature.partition("_-")[2].partition("_")
    return _described(feature)[1].format(lag="1 round" if lag == "1" else f"{lag} rounds", value=value)


def _described(feature: str) -> tuple[tuple[str, ...], str]:
    for beginning, sources, meaning in _SOURCES:
        if feature.startswith(beginning):
            return sources, meaning
    raise KeyError(f"the feature {feature!r} is not described; add it to rps_assets/assets/columns.py")


def _from(key: dg.AssetKey, columns: Iterable[str]) -> list[dg.TableColumnDep]:
    return [dg.TableColumnDep(asset_key=key, column_name=column) for column in columns]
