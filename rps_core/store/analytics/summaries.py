"""Summaries of all play, and of one opponent, player, session or game.

The denominator of rates is finished games. Numbers over all rounds, such as moves and results, come from the running
totals of `rps_core.store.tallies`. This module counts the rounds of one player, session or game.
"""

from collections import Counter
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, select

from rps_core.game.moves import MOVES
from rps_core.store.analytics.filters import RESULT_COLUMNS, Difficulty, GameFilter, counted, difficulty_of, number_of
from rps_core.store.schema import events, games


class Results(NamedTuple):
    """Games against one opponent at one difficulty; `finished` = bot_wins + player_wins + ties."""

    policy: str
    difficulty_mode: Difficulty
    games: int
    finished: int
    bot_wins: int
    player_wins: int
    ties: int


class PlayerMoves(NamedTuple):
    """Number of rounds that a player played, and of each move."""

    rounds: int
    moves: dict[str, int]


class RoundResults(NamedTuple):
    """Results of rounds from the user's side, and the number of games they belong to."""

    games: int
    rounds: int
    wins: int
    losses: int
    draws: int


class GameScore(NamedTuple):
    """Score and winner of one game."""

    user_score: float
    bot_score: float
    winner: str | None


def game_results(connection: Connection, filters: GameFilter) -> list[Results]:
    """Return results by opponent and difficulty; `games` includes unfinished games."""
    query = select(*RESULT_COLUMNS, func.count().label("total")).where(*counted(filters)).group_by(*RESULT_COLUMNS)
    found: dict[tuple[str, Difficulty], Counter[str | None]] = {}
    for row in connection.execute(query):
        found.setdefault((row.bot_policy, difficulty_of(row.easy_mode)), Counter())[row.winner] += row.total
    return [
        Results(
            policy,
            difficulty,
            games=sum(counts.values()),
            finished=counts["bot"] + counts["user"] + counts["tie"],
            bot_wins=counts["bot"],
            player_wins=counts["user"],
            ties=counts["tie"],
        )
        for (policy, difficulty), counts in sorted(found.items())
    ]


def player_moves(connection: Connection, filters: GameFilter) -> PlayerMoves:
    """Return the moves of one player; takes 1.5 us per round of the player."""
    counts = [number_of(events.c.user_move == move).label(move) for move in MOVES]
    row = connection.execute(
        select(func.count(), *counts).select_from(games.join(events)).where(*counted(filters))
    ).one()
    return PlayerMoves(row[0], {move: int(row._mapping[move]) for move in MOVES})


def session_results(connection: Connection, filters: GameFilter, session_id: str) -> RoundResults:
    """Return the results of all rounds of a session."""
    return _round_results(connection, filters, games.c.session_id == session_id)


def round_results(connection: Connection, filters: GameFilter, game_id: str) -> RoundResults:
    """Return the results of all rounds of a game."""
    return _round_results(connection, filters, games.c.id == game_id)


def game_score(connection: Connection, filters: GameFilter, game_id: str) -> GameScore:
    """Return the score of a game; zeros if the game does not exist or does not count."""
    columns = (games.c.user_score, games.c.bot_score, games.c.winner)
    row = connection.execute(select(*columns).where(games.c.id == game_id, *counted(filters))).one_or_none()
    return GameScore(0.0, 0.0, None) if row is None else GameScore(*row)


def _round_results(connection: Connection, filters: GameFilter, which: ColumnElement[bool]) -> RoundResults:
    chosen = and_(which, *counted(filters))
    played = connection.scalar(select(func.count()).select_from(games).where(chosen))
    results = [number_of(events.c.result == result) for result in ("win", "lose", "draw")]
    row = connection.execute(select(func.count(), *results).select_from(games.join(events)).where(chosen)).one()
    return RoundResults(played or 0, *(int(value) for value in row))
