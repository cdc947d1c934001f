"""The comparison of two configurations: games, generations and pairs. Pure functions.

A *configuration* is what an alias keeps through retrainings. A *generation* holds the games of the two versions that
were trained on the same dataset. Within a generation, the i-th decided game of B and the i-th decided game of
Production form a pair, in the order in which the games started. A running game keeps later games of its side waiting:
counting whatever ended first would favour the side that wins quickly.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, TypeAlias, get_args

import msgspec

from rps_core.game.families import Alias, PlayingAlias
from rps_core.game.players import PlayerKind

# A game that takes longer counts as abandoned, also if it is finished later. So the order of the pairs never changes.
LONGEST_GAME = timedelta(minutes=30)
# A generation without a new game for this long is over; it must exceed the longest game.
GENERATION_OVER = timedelta(hours=1)
# A generation with more games than this is settled in parts, so that a decision never reads more than a few thousand.
LONGEST_PART = 1_000

# Groups of players whose games are paired separately.
PlayerGroup: TypeAlias = Literal["human", "scripted", "human,scripted"]
PLAYER_GROUPS: tuple[PlayerGroup, ...] = get_args(PlayerGroup)
Winner: TypeAlias = Literal["bot", "user", "tie"]


class ComparedGame(NamedTuple):
    """A game of one of the two configurations; `generation` is the fingerprint of its version's dataset."""

    started_at: datetime
    finished_at: datetime | None
    side: PlayingAlias
    generation: str
    player_kind: PlayerKind
    winner: Winner | None


class ComparisonCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of a comparison against one group of players.

    Attributes:
        generations: generations with a pair.
        pairs: complete pairs, also those that both sides won or lost.
        b_pairs: pairs that only B won.
        production_pairs: pairs that only Production won.
        b_games, production_games: decided games, also those without a partner.
    """

    generations: int = 0
    pairs: int = 0
    b_pairs: int = 0
    production_pairs: int = 0
    b_wins: int = 0
    b_games: int = 0
    b_ties: int = 0
    production_wins: int = 0
    production_games: int = 0
    production_ties: int = 0

    @property
    def finished_games(self) -> int:
        """Finished games of both sides, ties included."""
        return self.b_games + self.b_ties + self.production_games + self.production_ties

    def __add__(self, other: "ComparisonCounts") -> "ComparisonCounts":
        names = self.__struct_fields__
        return ComparisonCounts(**{name: getattr(self, name) + getattr(other, name) for name in names})


Counts: TypeAlias = Mapping[PlayerGroup, ComparisonCounts]


class OpenComparison(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison of a family as the ledger keeps it from one decision to the next.

    Attributes:
        started_at: games that started earlier do not count.
        production, b: the two configurations.
        read_from: start of the oldest game that still has to be read.
        settled: counts of the generations that are over.
        closed: the start of the last counted game of generations that are over but overlap `read_from`.
    """

    started_at: datetime
    production: str
    b: str
    read_from: datetime
    settled: dict[PlayerGroup, ComparisonCounts] = {}
    closed: dict[str, datetime] = {}


def start_comparison(production: str, b: str, now: datetime) -> OpenComparison:
    """Return a comparison without games: counts start at zero now.

    Start one whenever the configuration in Production or in B changes.
    """
    return OpenComparison(started_at=now, production=production, b=b, read_from=now)


def continued_comparison(
    known: OpenComparison | None, configurations: Mapping[Alias, str], now: datetime, since: datetime | None = None
) -> OpenComparison | None:
    """Return the known comparison if both sides still have its configurations; otherwise one that starts now.

    Args:
        known: the comparison of the newest ledger entry, if any.
        configurations: the configuration in each filled slot.
        now: the current time.
        since: when Production and B got their configurations, if no comparison is known; by default now.

    Returns:
        None if Production or B is empty.
    """
    if not {"Production", "B"} <= set(configurations):
        return None
    production, b = configurations["Production"], configurations["B"]
    if known is not None and (known.production, known.b) == (production, b):
        return known
    return start_comparison(production, b, now if known is not None or since is None else since)


def count_games(comparison: OpenComparison, games: Sequence[ComparedGame], now: datetime) -> Counts:
    """Return the counts of a comparison for each group of players.

    Args:
        comparison: holds what is settled.
        games: all games since `comparison.read_from`, in the order in which they started.
        now: the current time.
    """
    counted = _count(_unsettled(comparison, games), now)
    return {group: comparison.settled.get(group, ComparisonCounts()) + counted[group] for group in PLAYER_GROUPS}


def settle(comparison: OpenComparison, games: Sequence[ComparedGame], now: datetime) -> OpenComparison:
    """Return the comparison with the generations that are over added to what is settled.

    The next decision then reads only the games of the others. The arguments are those of `count_games`.
    """
    unsettled = _unsettled(comparison, games)
    if not unsettled:
        # Games of other configurations need not be read again; every game still running started later.
        return msgspec.structs.replace(comparison, read_from=max(comparison.read_from, now - LONGEST_GAME))
    by_generation = _by_generation(unsettled)
    newest = max(by_generation, key=lambda name: by_generation[name][-1].started_at, default=None)
    over = {
        name: played[-1].started_at
        for name, played in by_generation.items()
        if name != newest and now - played[-1].started_at > GENERATION_OVER
    }
    ended = [game for game in by_generation.get(newest or "", ()) if now - game.started_at > GENERATION_OVER]
    part = newest if len(ended) > LONGEST_PART else None
    if part is not None:
        over[part] = ended[-1].started_at
    if not over:
        return comparison
    closing = [game for game in unsettled if _is_closed(game, over)]
    whole = _count((game for game in closing if game.generation != part), now)
    # The games that follow count the generation of a part.
    partial = _count((game for game in closing if game.generation == part), now)
    counted = {group: whole[group] + msgspec.structs.replace(partial[group], generations=0) for group in PLAYER_GROUPS}
    read_from = min((game.started_at for game in unsettled if not _is_closed(game, over)), default=max(over.values()))
    closed = comparison.closed | over
    return msgspec.structs.replace(
        comparison,
        read_from=read_from,
        settled={group: comparison.settled.get(group, ComparisonCounts()) + counted[group] for group in PLAYER_GROUPS},
        closed={name: last for name, last in closed.items() if last >= read_from},
    )


def _unsettled(comparison: OpenComparison, games: Iterable[ComparedGame]) -> list[ComparedGame]:
    return [
        game for game in games if game.started_at >= comparison.read_from and not _is_closed(game, comparison.closed)
    ]


def _is_closed(game: ComparedGame, closed: Mapping[str, datetime]) -> bool:
    return game.generation in closed and game.started_at <= closed[game.generation]


def _by_generation(games: Iterable[ComparedGame]) -> dict[str, list[ComparedGame]]:
    found: dict[str, list[ComparedGame]] = {}
    for game in games:
        found.setdefault(game.generation, []).append(game)
    return found


def _count(games: Iterable[ComparedGame], now: datetime) -> Counts:
    by_generation = _by_generation(games).values()
    return {
        group: sum((_count_generation(played, group, now) for played in by_generation), ComparisonCounts())
        for group in PLAYER_GROUPS
    }


def _count_generation(games: Iterable[ComparedGame], group: PlayerGroup, now: datetime) -> ComparisonCounts:
    kinds = group.split(",")
    results: dict[str, list[bool | None]] = {"B": [], "Production": []}
    ties = {"B": 0, "Production": 0}
    for game in games:
        if game.player_kind not in kinds:
            continue
        if _is_running(game, now):
            results[game.side].append(None)
        elif _is_abandoned(game):
            continue
        elif game.winner == "tie":
            ties[game.side] += 1
        else:
            results[game.side].append(game.winner == "bot")
    # Of each side, the games before the first running one can be paired.
    b, production = results["B"], results["Production"]
    pairs = list(zip(_before_running(b), _before_running(production), strict=False))
    return ComparisonCounts(
        generations=int(bool(pairs)),
        pairs=len(pairs),
        b_pairs=sum(b_won and not production_won for b_won, production_won in pairs),
        production_pairs=sum(production_won and not b_won for b_won, production_won in pairs),
        b_wins=b.count(True),
        b_games=len(b) - b.count(None),
        b_ties=ties["B"],
        production_wins=production.count(True),
        production_games=len(production) - production.count(None),
        production_ties=ties["Production"],
    )


def _is_running(game: ComparedGame, now: datetime) -> bool:
    return game.finished_at is None and now - game.started_at <= LONGEST_GAME


def _is_abandoned(game: ComparedGame) -> bool:
    return game.finished_at is None or game.winner is None or game.finished_at - game.started_at > LONGEST_GAME


def _before_running(results: list[bool | None]) -> list[bool]:
    decided: list[bool] = []
    for result in results:
        if result is None:
            break
        decided.append(result)
    return decided
