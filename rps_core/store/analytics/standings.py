"""Results of people against the bots: the leaderboard, and the win rate of each bot."""

from collections import Counter, defaultdict
from typing import NamedTuple

import msgspec
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


class Standing(msgspec.Struct, frozen=True):
    """A player's rank. Games are finished games."""

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


class BotRate(msgspec.Struct, frozen=True, kw_only=True):
    """Results of one bot in finished games. The rates are null before the first game."""

    bot_win_rate: float | None
    human_win_rate: float | None
    human_games: int
    bot_wins: int
    human_wins: int
    ties: int
    excluded_games: int
    total_games_tracked: int


class BotRates(NamedTuple):
    """The results of each bot, and the names that were left out, by reason."""

    rates: dict[str, BotRate]
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
    ranked = [msgspec.structs.replace(player, rank=rank) for rank, player in enumerate(people[:limit], start=1)]
    return Leaderboard(ranked, sorted(left_out))


def bot_win_rates(connection: Connection, filters: GameFilter, *, human_only: bool = True) -> BotRates:
    """Return the results of each bot; without `human_only`, scripted players count too."""
    results: dict[tuple[str, bool], Counter[str]] = defaultdict(Counter)
    known = [*finished(filters), games.c.bot_policy.in_(POLICIES)]
    for row in connection.execute(
        select(*RESULT_COLUMNS, func.count().label("total")).where(*known).group_by(*RESULT_COLUMNS)
    ):
        results[row.bot_policy, human_only and row.player_kind != "human"][row.winner] += row.total
    left_out: dict[Exclusion, set[str]] = {}
    others = select(games.c.player_name).where(*known, played_by_script()).distinct()
    for name in connection.scalars(others) if human_only else ():
        left_out.setdefault(exclusion(name), set()).add(name or PLACEHOLDER_NAME)
    return BotRates(
        {policy: _bot_rate(results[policy, False], results[policy, True].total()) for policy in POLICIES},
        {reason: sorted(found) for reason, found in sorted(left_out.items())},
    )


def _bot_rate(results: Counter[str], excluded_games: int) -> BotRate:
    played = results.total()
    return BotRate(
        bot_win_rate=percent(results["bot"], played) if played else None,
        human_win_rate=percent(results["user"], played) if played else None,
        human_games=played,
        bot_wins=results["bot"],
        human_wins=results["user"],
        ties=results["tie"],
        excluded_games=excluded_games,
        total_games_tracked=played + excluded_games,
    )
