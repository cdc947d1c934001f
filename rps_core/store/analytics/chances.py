"""How often each opponent wins against what its play was worth, and whether win probabilities come true.

Both are computed from the newest finished games, round by round.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from rps_core.game.accounting import RoundChances, round_chances
from rps_core.game.moves import MOVES
from rps_core.game.scoring import PlayedRound
from rps_core.store.analytics.filters import GameFilter, unindexed
from rps_core.store.schema import events, games

NEWEST_GAMES = 600
BINS = 10


class OpponentResult(NamedTuple):
    """The newest finished games against one opponent, from the bot's side.

    Attributes:
        wins: games that the bot won.
        decided: games that were no ties.
        games: all games.
        expected: mean result that the bot's mixtures were worth against the moves that came, a tie counting one half.
    """

    policy: str
    wins: int
    decided: int
    games: int
    expected: float


class CalibrationBin(NamedTuple):
    """Rounds in which the bot's win probability was in one tenth of the scale.

    Attributes:
        predicted: mean win probability of these rounds, their values known.
        won: share of these rounds whose game the bot won, a tie counting one half.
    """

    rounds: int
    predicted: float
    won: float


class Chances(NamedTuple):
    """Results by opponent, and the bins that have rounds, from low to high win probability."""

    opponents: list[OpponentResult]
    calibration: list[CalibrationBin]


class _FinishedGame(NamedTuple):
    policy: str
    result: float
    rounds: list[RoundChances]


def measure_chances(connection: Connection, since: datetime) -> Chances:
    """Return results and calibration of the newest finished games that count and have a rule of choice."""
    played = list(_games(connection, since))
    return Chances(list(_opponents(played)), list(_calibration(played)))


def _opponents(played: Iterable[_FinishedGame]) -> Iterator[OpponentResult]:
    of_policy: dict[str, list[_FinishedGame]] = defaultdict(list)
    for game in played:
        of_policy[game.policy].append(game)
    for policy, found in sorted(of_policy.items()):
        expected = sum(0.5 + sum(part.shown - part.chosen for part in game.rounds) for game in found)
        yield OpponentResult(
            policy,
            sum(game.result == 1.0 for game in found),
            sum(game.result != 0.5 for game in found),
            len(found),
            expected / len(found),
        )


def _calibration(played: Iterable[_FinishedGame]) -> Iterator[CalibrationBin]:
    bins: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for game in played:
        for part in game.rounds:
            bins[min(BINS - 1, int(BINS * (1 - part.shown)))].append((1 - part.shown, game.result))
    for _, pairs in sorted(bins.items()):
        count = len(pairs)
        yield CalibrationBin(count, sum(pair[0] for pair in pairs) / count, sum(pair[1] for pair in pairs) / count)


def _games(connection: Connection, since: datetime) -> Iterator[_FinishedGame]:
    newest = (
        select(games.c.id)
        .where(games.c.winner.is_not(None), games.c.choice_rule.is_not(None), *unindexed(GameFilter(since)))
        .order_by(games.c.created_ts_utc.desc())
        .limit(NEWEST_GAMES)
        .subquery()
    )
    columns = (
        games.c.id,
        games.c.bot_policy,
        games.c.winner,
        events.c.step_no,
        events.c.user_move,
        events.c.bot_move,
        *(events.c[f"round_{move}_pts"] for move in MOVES),
        events.c.user_score,
        events.c.bot_score,
        *(events.c[f"mix_{move}"] for move in MOVES),
    )
    query = select(*columns).join(newest, newest.c.id == games.c.id).join(events, events.c.game_id == games.c.id)
    rows = connection.execute(query.order_by(games.c.id, events.c.step_no))
    for _, of_game in groupby(rows, key=lambda row: row.id):
        rounds = list(of_game)
        chances = [part for part in _chances(rounds) if part is not None]
        if len(chances) == len(rounds):
            result = {"bot": 1.0, "user": 0.0}.get(rounds[0].winner, 0.5)
            yield _FinishedGame(rounds[0].bot_policy, result, chances)


def _chances(rounds: Iterable[Any]) -> Iterator[RoundChances | None]:
    before = (0.0, 0.0)
    for row in rounds:
        _id, _policy, _winner, step, user_move, bot_move, rock, paper, scissors, user_score, bot_score, *mixture = row
        played = PlayedRound(step, user_move, bot_move, (rock, paper, scissors), user_score, bot_score)
        yield round_chances(before, played, None if mixture[0] is None else (mixture[0], mixture[1], mixture[2]), None)
        before = (user_score, bot_score)
