"""The feature tables by contract: the one place where a contract plugs into datasets.

To add a contract:

1. Write a function that takes `WholeGames` and the first round to return, and returns a frame with `game_id` and
   `example_columns`: features are Float64, `label` is Int8, the index of the user's move. `_compute_v3` shows how
   functions on NumPy arrays plug in.
2. Add a `FeatureTable` to `TABLES`. With `remembers`, each game's `remembered_games` (JSON list of ids, newest first,
   or null) is in `WholeGames.games`, and `WholeGames.earlier` holds the rounds of all these games.
3. Let `CURRENT_CONTRACT` be the new contract. Parts are kept per contract, so the next training computes the parts of
   the new one, and a backfill of `training/features` does the same by hand. Old datasets stay readable.

Nothing else in this folder names a contract.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np
import polars as pl

from rps_assets.datasets.drawn_values import with_drawn_values
from rps_assets.datasets.feature_frame import feature_frame, require_whole_games
from rps_core.features.contract import CONTRACT_V2, CONTRACT_V3, CURRENT_CONTRACT, FeatureContract
from rps_core.features.step_table import GameArrays, feature_table, person_counts, remembered_counts
from rps_core.game.gambits import FIRST_POLICY_ROUND
from rps_core.game.moves import MOVES


class WholeGames(NamedTuple):
    """Games with all their rounds.

    Attributes:
        games: one row per game: game_id, created_at, easy_mode, is_played, and remembered_games if the table remembers;
            ordered by creation, then by id.
        rounds: the columns of `build.round_schema`, in the order of the games and of their rounds. `game_id` is an Enum
            of the ids in that order, so its physical value is the position of the game.
        earlier: the rounds of all remembered games, ordered by game and round; empty if the table does not remember.
    """

    games: pl.DataFrame
    rounds: pl.DataFrame
    earlier: pl.DataFrame


class FeatureTable(NamedTuple):
    """How the examples of a contract are computed.

    Attributes:
        contract: names and order of the features.
        compute: returns the examples of whole games from a round on.
        from_round: number of the first round that becomes an example; earlier rounds are only history.
        remembers: whether a game's features depend on earlier games of its session.
    """

    contract: FeatureContract
    compute: Callable[[WholeGames, int], pl.DataFrame]
    from_round: int = FIRST_POLICY_ROUND
    remembers: bool = False


def _compute_v2(whole: WholeGames, from_round: int) -> pl.DataFrame:
    # A join would copy all columns of the rounds.
    of_game = whole.games.select("easy_mode")[whole.rounds["game_id"].to_physical()]
    return feature_frame(whole.rounds.hstack(of_game), from_round)


def _compute_v3(whole: WholeGames, from_round: int) -> pl.DataFrame:
    """Return the examples of games; those of recordings without values twice, the second time with drawn values."""
    require_whole_games(whole.rounds)
    played = _examples_v3(whole, from_round)
    # Games of simulated people without values are played ones: other games of the prior have values.
    drawn = with_drawn_values(whole.rounds.filter(~whole.games["is_played"][whole.rounds["game_id"].to_physical()]))
    if not len(drawn):
        return played
    again = _examples_v3(whole._replace(rounds=drawn, earlier=with_drawn_values(whole.earlier)), from_round)
    return pl.concat([played, again]).sort(pl.col("game_id").to_physical(), maintain_order=True)


def _examples_v3(whole: WholeGames, from_round: int) -> pl.DataFrame:
    games = game_arrays(whole.rounds)
    values = feature_table(games, _remembered(whole))
    rows = np.flatnonzero(whole.rounds["round_no"].to_numpy() >= from_round)
    features = {name: column[rows] for name, column in zip(CONTRACT_V3.columns, values, strict=True)}
    return pl.DataFrame(
        {"game_id": whole.rounds["game_id"][rows], **features, "label": games.user[rows].astype(np.int8)}
    )


def game_arrays(rounds: pl.DataFrame) -> GameArrays:
    """Return the rounds of whole games as arrays; each game starts with its round 1."""
    moves = [rounds[f"{side}_move"].cast(pl.Enum(MOVES)).to_physical().to_numpy() for side in ("user", "bot")]
    points = rounds.select(f"{move}_pts" for move in MOVES).to_numpy()
    user_score, bot_score = (rounds[f"{side}_score"].to_numpy() for side in ("user", "bot"))
    user, bot = (column.astype(np.int64) for column in moves)
    return GameArrays(user, bot, points, user_score, bot_score, np.flatnonzero(rounds["round_no"].to_numpy() == 1))


def _remembered(whole: WholeGames) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]] | None:
    """Return what each game with rounds remembers of the person, or None if no game remembers another one."""
    if not len(whole.earlier):
        return None
    rows = {game_id: row for row, game_id in enumerate(whole.earlier["game_id"].unique(maintain_order=True))}
    with_rounds = whole.games["remembered_games"][whole.rounds["game_id"].to_physical().unique(maintain_order=True)]
    named = [msgspec.json.decode(text, type=list[str]) if text else [] for text in with_rounds]
    kept = [[rows[game_id] for game_id in ids if game_id in rows] for ids in named]
    return remembered_counts(person_counts(game_arrays(whole.earlier)), kept)


TABLES: dict[int, FeatureTable] = {
    2: FeatureTable(CONTRACT_V2, _compute_v2),
    3: FeatureTable(CONTRACT_V3, _compute_v3, remembers=True),
}


def example_columns(contract: FeatureContract) -> tuple[str, ...]:
    """Return the columns of an example: round_no, the features, label. Contract 3 has round_no among the features."""
    own = () if "round_no" in contract.columns else ("round_no",)
    return (*own, *contract.columns, "label")


def current_table() -> FeatureTable:
    """Return the table of the contract that new models are trained on."""
    return TABLES[CURRENT_CONTRACT.version]
