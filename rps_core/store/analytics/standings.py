"""Results of people against the bots: the leaderboard, and the win rate of each bot."""

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
    """A player's place on the leaderboard; games are finished games, and `win_rate` is in percent."""

    player_name: str
    total_games: int
    wins: int
    losses: int
    ties: int
    win_rate: float
    rank: int


class Leaderboard(NamedTuple):
    """The best people, and the non-human players with enough games for a place."""

    standings: list[Standing]
    filtered_out: list[str]


class BotRate(NamedTuple):
    """Results of one bot in finished games.

    Attributes:
        games: finished games that count, bot_wins + human_wins + ties.
        excluded_games: finished games of players who do not count.
    """

    policy: str
    games: int
    bot_wins: int
    human_wins: int
    ties: int
    excluded_games: int


class BotRates(NamedTuple):
    """The results of all bots, and the names that were left out, by reason."""

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
    people: list[Standing] = []
    left_out: set[str] = set()
    for stored_name, kind, total, wins, losses in connection.execute(query):
        name = stored_name or PLACEHOLDER_NAME
        if kind == "human":
            ties = total - wins - losses
            people.append(Standing(name, total, wins, losses, ties, percent(wins, total), rank=0))
        else:
            left_out.add(name)
    people.sort(key=lambda player: (-player.wins / player.total_games, -player.total_games, player.player_name))
    ranked = [player._replace(rank=rank) for rank, player in enumerate(people[:limit], start=1)]
    return Leaderboard(ranked, sorted(left_out))


def bot_win_rates(
    connection: Connection, filters: GameFilter, *, human_only: bool = True, policies: Sequence[str] = POLICIES
) -> BotRates:
    """Return the results of each bot; without `human_only`, scripted players count too."""
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
