"""How people do against the bots: the leaderboard, and what each bot wins."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from rps_core.game.opponents import POLICIES
from rps_core.store.analytics.filters import (
    PLACEHOLDER_NAME,
    RESULT_COLUMNS,
    Exclusion,
    GameFilter,
    exclusion,
    finished,
    number_of,
    percent,
)
from rps_core.store.counting import played_by_script
from rps_core.store.schema import games

LEADERBOARD_MIN_GAMES = 5
WINNERS = ("user", "bot", "tie")


class Standing(NamedTuple):
    """A player's place on the leaderboard; games are finished games, `win_rate` is in percent."""

    player_name: str
    total_games: int
    wins: int
    losses: int
    ties: int
    win_rate: float
    rank: int


class Leaderboard(NamedTuple):
    """The best people, and the names that are no people although they played enough."""

    standings: list[Standing]
    filtered_out: list[str]


class BotRate(NamedTuple):
    """What one bot achieved in finished games.

    Attributes:
        games: finished games that count, bot_wins + human_wins + ties.
        excluded_games: finished games of players that do not count.
    """

    policy: str
    games: int
    bot_wins: int
    human_wins: int
    ties: int
    excluded_games: int


class BotRates(NamedTuple):
    """The rates of all bots, and who was left out of them and why."""

    rates: list[BotRate]
    excluded_names: dict[Exclusion, list[str]]


def leaderboard(connection: Connection, filters: GameFilter, limit: int) -> Leaderboard:
    """Rank people with at least five finished games by win rate, then games, then name."""
    query = (
        select(
            games.c.player_name,
            games.c.player_kind,
            func.count().label("games"),
            number_of(games.c.winner == "user").label("wins"),
            number_of(games.c.winner == "bot").label("losses"),
        )
        .where(*finished(filters))
        .group_by(games.c.player_name, games.c.player_kind)
        .having(func.count() >= LEADERBOARD_MIN_GAMES)
    )
    rows = [(row.player_name or PLACEHOLDER_NAME, *row[1:]) for row in connection.execute(query)]
    people = [(name, total, wins, losses) for name, kind, total, wins, losses in rows if kind == "human"]
    people.sort(key=lambda row: (-row[2] / row[1], -row[1], row[0]))
    return Leaderboard(
        [
            Standing(name, total, wins, losses, total - wins - losses, percent(wins, total), rank)
            for rank, (name, total, wins, losses) in enumerate(people[:limit], start=1)
        ],
        sorted({row[0] for row in rows if row[1] != "human"}),
    )


def bot_win_rates(
    connection: Connection, filters: GameFilter, *, human_only: bool = True, policies: Sequence[str] = POLICIES
) -> BotRates:
    """Return what each bot won; without `human_only` everybody but tests counts."""
    results: Counter[tuple[str, bool, str]] = Counter()
    known = [*finished(filters), games.c.bot_policy.in_(policies)]
    for row in connection.execute(
        select(*RESULT_COLUMNS, func.count().label("total")).where(*known).group_by(*RESULT_COLUMNS)
    ):
        results[row.bot_policy, human_only and row.player_kind != "human", row.winner] += row.total
    left_out: dict[Exclusion, set[str]] = {}
    others = select(games.c.player_name).where(*known, played_by_script()).distinct()
    for name in connection.scalars(others) if human_only else ():
        left_out.setdefault(exclusion(name), set()).add(name or PLACEHOLDER_NAME)
    return BotRates(
        [
            BotRate(
                policy,
                games=sum(results[policy, False, winner] for winner in WINNERS),
                bot_wins=results[policy, False, "bot"],
                human_wins=results[policy, False, "user"],
                ties=results[policy, False, "tie"],
                excluded_games=sum(results[policy, True, winner] for winner in WINNERS),
            )
            for policy in policies
        ],
        {reason: sorted(found) for reason, found in sorted(left_out.items())},
    )
