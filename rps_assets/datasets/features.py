"""The feature table follows the store: finished games become rows of further parts, late games too.

Each function reads what is new, writes files first and changes the index last. If one is killed, the next call goes on
from the index. Two runs at once may compute the same games. Each changes the newest index, under a lock, so neither
loses what the other added. A dataset never depends on how far the table is: games that it lacks are computed from the
store.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import NamedTuple, TypeAlias

import msgspec
import polars as pl
from sqlalchemy import Connection, Engine, select

from rps_assets.datasets.build import (
    compute,
    read_games_by_id,
    read_rounds,
    read_whole_games,
    remembered_rounds,
)
from rps_assets.datasets.feature_parts import FeatureFolder, FeatureIndex, Part, day_of
from rps_assets.datasets.feature_tables import FeatureTable
from rps_assets.datasets.index_lock import index_lock
from rps_core.game.moves import MOVES
from rps_core.game.scoring import TARGET_POINTS, TARGET_TOLERANCE_POINTS
from rps_core.store.analytics.training import select_whole_games
from rps_core.store.engine import reading
from rps_core.store.play_counts import settled_rounds
from rps_core.store.schema import events

# Rounds of one portion, which becomes one file. Their features take about fifty megabytes. Portions of twice this size
# are not faster, and take 170 MB more in all.
ROUNDS_A_PORTION = 100_000
GAMES_A_PORTION = 10_000
# A game this old hardly goes on. If it does, a selection finds more examples in it than the table knows.
QUIET_AFTER = timedelta(days=1)

Added: TypeAlias = tuple[FeatureIndex, set[str]]


class Portion(NamedTuple):
    """Games that were read from the store, and all their rounds; see `build.compute`."""

    games: pl.DataFrame
    rounds: pl.DataFrame
    earlier: pl.DataFrame


def bring_up_to_date(
    store: Engine, folder: FeatureFolder, table: FeatureTable, now: datetime, log: Callable[[str], None]
) -> list[str]:
    """Add the games that ended since the last call, as far as the store is settled; return the days with new parts.

    Builds the table from the start if rounds were deleted, if a game changed its kind, or if the store was restored.
    """
    settled = settled_rounds(store, now)
    if not settled.counting:
        return []

    def followed(index: FeatureIndex) -> FeatureIndex:
        if index.counting == settled.counting and _follows(store, index, settled.watermark):
            return index
        log(f"the features of contract {table.contract.version} are computed from the first game on")
        return FeatureIndex(counting=settled.counting)

    index = _update_index(store, folder, followed)
    days: set[str] = set()
    # One portion is read while the last one is computed and written.
    with ThreadPoolExecutor(1) as writer:
        pending: Future[Added] | None = None
        for first in range(index.watermark, settled.watermark, ROUNDS_A_PORTION):
            end = min(first + ROUNDS_A_PORTION, settled.watermark)
            with reading(store).connect() as connection:
                portion = _ended_games(connection, first, end, table)
                boundary = _game_of_round(connection, end)
            if pending is not None:
                index, new = pending.result()
                days |= new
            reached = msgspec.structs.replace(index, watermark=end, watermark_game=boundary)
            pending = writer.submit(_add, store, folder, reached, portion, table)
        if pending is not None:
            days |= pending.result()[1]
    return sorted(days)


def rebuild_days(store: Engine, folder: FeatureFolder, table: FeatureTable, days: Sequence[str], now: datetime) -> None:
    """Compute all games of these days again; their new parts replace those that the index had before."""
    before = frozenset(folder.index().parts)
    for part in _portions_of_days(store, days, now):
        new = FeatureIndex()
        for games in part.games.iter_slices(GAMES_A_PORTION):
            with reading(store).connect() as connection:
                portion = _read(connection, games, table)
            examples = _computed(portion, table)
            if len(examples):
                written = folder.write_file(portion.games, examples)
                new = msgspec.structs.replace(new, parts=(*new.parts, *written.parts))
        _update_index(store, folder, partial(_with_days, days=part.days, new=new, before=before))


def _with_days(index: FeatureIndex, days: Sequence[str], new: FeatureIndex, before: frozenset[Part]) -> FeatureIndex:
    """Replace the parts of days; late games that a training added meanwhile stay."""
    for day in days:
        added = (part for part in index.of_day(day) if part not in before)
        # The last part that holds a game counts.
        index = index.with_day(day, (*added, *new.of_day(day)))
    return index


def locate(
    store: Engine, folder: FeatureFolder, table: FeatureTable, selected: pl.DataFrame, now: datetime, first_day: str
) -> tuple[pl.DataFrame, set[str]]:
    """Find the examples of selected games; compute those that the table lacks.

    What was computed and will hardly change becomes a part of the table. The rest, mostly running games, becomes a file
    that only the dataset names.

    Args:
        store: the gameplay store.
        folder: the feature table.
        table: how examples are computed.
        selected: game_id, created_at, player_kind, player_name, examples; `examples` is what the store holds.
        now: the time.
        first_day: the table has no selected game that was created earlier.

    Returns:
        The games in training order with the columns of `FeatureFolder.games_of`, player_kind and player (the name), and
        the days with new parts.
    """
    index = folder.index()
    known = folder.games_of(index.from_day(first_day)).drop("created_at")
    chosen = selected.select("game_id", "created_at", "player_kind", player="player_name", stored="examples")
    found = chosen.join(known, on="game_id").filter(pl.col("examples") == pl.col("stored"))
    located, days = [found], set[str]()
    missing = chosen.join(found, on="game_id", how="anti")["game_id"].to_list()
    for ids in (missing[first : first + GAMES_A_PORTION] for first in range(0, len(missing), GAMES_A_PORTION)):
        with reading(store).connect() as connection:
            portion = _read(connection, read_games_by_id(connection, ids), table)
        examples = compute(*portion, table)
        quiet = portion.games["created_at"] < now - QUIET_AFTER
        for keep, games in ((True, portion.games.filter(quiet)), (False, portion.games.filter(~quiet))):
            own = examples.join(games.select("game_id"), on="game_id", how="semi", maintain_order="left")
            if not len(own):
                continue
            written = folder.write_file(games, own)
            located.append(chosen.join(written.games.drop("created_at"), on="game_id"))
            if keep:
                _update_index(store, folder, partial(_with_parts, folder=folder, parts=written.parts))
                days |= {part.day for part in written.parts}
    return pl.concat(located).drop("stored").sort("created_at", "game_id"), days


def _add(store: Engine, folder: FeatureFolder, reached: FeatureIndex, portion: Portion, table: FeatureTable) -> Added:
    """Write the games of a portion that the table lacks, and then the index."""
    days = set(portion.games.select(day_of(pl.col("created_at")))["created_at"])
    known = folder.games_of(part for part in reached.parts if part.day in days)
    decided = portion.rounds.filter(pl.col("round_no") >= table.from_round)
    counts = decided.group_by("game_id").agg(examples=pl.len().cast(pl.Int64))
    lacking = counts.join(known, on=["game_id", "examples"], how="anti").select("game_id")
    games = portion.games.join(lacking, on="game_id", how="semi", maintain_order="left")
    examples = _computed(portion._replace(games=games), table)
    parts = folder.write_file(games, examples).parts if len(examples) else ()

    def advance(index: FeatureIndex) -> FeatureIndex:
        if index.counting != reached.counting or index.watermark >= reached.watermark:
            # Another run began again because rounds were deleted, or came further.
            return index
        follows = {"watermark": reached.watermark, "watermark_game": reached.watermark_game}
        return _with_parts(msgspec.structs.replace(index, **follows), folder, parts)

    return _update_index(store, folder, advance), {part.day for part in parts}


def _with_parts(index: FeatureIndex, folder: FeatureFolder, parts: Sequence[Part]) -> FeatureIndex:
    extended = msgspec.structs.replace(index, parts=(*index.parts, *parts))
    return folder.compacted(extended, sorted({part.day for part in parts}))


def _update_index(store: Engine, folder: FeatureFolder, change: Callable[[FeatureIndex], FeatureIndex]) -> FeatureIndex:
    """Replace the newest index by what `change` makes of it, and return that."""
    with index_lock(store):
        before = folder.index()
        after = change(before)
        if after != before:
            folder.write_index(after)
    return after


def _computed(portion: Portion, table: FeatureTable) -> pl.DataFrame:
    """Return the examples of a portion; games that no training could use are left out.

    One damaged game must not stop the table. A dataset that selects it computes it, and fails with its name.
    """
    whole = (
        pl.col("round_no").min().eq(1) & pl.col("round_no").max().eq(pl.len()) & pl.col("round_no").is_unique().all()
    )
    legal = pl.col("user_move").is_in(MOVES).all() & pl.col("bot_move").is_in(MOVES).all()
    usable = portion.rounds.group_by("game_id").agg(usable=whole & legal).filter("usable")
    games = portion.games.join(usable, on="game_id", how="semi", maintain_order="left")
    return compute(games, portion.rounds, portion.earlier, table)


def _ended_games(connection: Connection, after: int, until: int, table: FeatureTable) -> Portion:
    """Return the games that ended with one of these rounds.

    Most of their rounds are in the range as well, and reading a range takes half the time of looking them up. An import
    writes a whole game at once, so its first round stands for the last one.
    """
    rounds = read_rounds(connection, between=(after, until))
    reached = pl.max_horizontal("user_score", "bot_score").max() >= TARGET_POINTS - TARGET_TOLERANCE_POINTS
    seen = rounds.group_by("game_id").agg(begins=pl.col("round_no").min() == 1, ends=reached)
    games = read_games_by_id(connection, seen["game_id"].to_list()).join(seen, on="game_id", maintain_order="left")
    is_over = pl.col("is_played") & pl.col("has_ended") & pl.col("ends") | ~pl.col("is_played") & pl.col("begins")
    games = games.filter(is_over)
    # Rounds of an imported game may be after the range, and rounds of any game before it.
    inside = games.filter("is_played", "begins").select("game_id")
    elsewhere = games.filter(~(pl.col("is_played") & pl.col("begins")))["game_id"].to_list()
    rounds = rounds.join(inside, on="game_id", how="semi")
    if elsewhere:
        rounds = pl.concat([rounds, read_rounds(connection, elsewhere)])
    games = games.drop("begins", "ends")
    return Portion(games, rounds, remembered_rounds(connection, games, rounds, table))


def _read(connection: Connection, games: pl.DataFrame, table: FeatureTable) -> Portion:
    rounds = read_rounds(connection, games["game_id"].to_list())
    return Portion(games, rounds, remembered_rounds(connection, games, rounds, table))


class _Days(NamedTuple):
    days: list[str]
    games: pl.DataFrame


def _portions_of_days(store: Engine, days: Sequence[str], now: datetime) -> Iterator[_Days]:
    """Yield the games of consecutive days, so many days together that their games fill a portion."""
    gathered = _Days([], pl.DataFrame())
    for day in sorted(days):
        start = datetime.combine(date.fromisoformat(day), time(), UTC)
        with reading(store).connect() as connection:
            games = read_whole_games(connection, select_whole_games(created=(start, start + timedelta(days=1))))
        games = games.filter(pl.col("has_ended") | ~pl.col("is_played") | (pl.col("created_at") < now - QUIET_AFTER))
        if gathered.days and len(gathered.games) + len(games) > GAMES_A_PORTION:
            yield gathered
            gathered = _Days([], games.clear())
        gathered = _Days([*gathered.days, day], pl.concat([gathered.games, games]) if gathered.days else games)
    if gathered.days:
        yield gathered


def _follows(store: Engine, index: FeatureIndex, watermark: int) -> bool:
    """Return whether the index was made from this store, and not from a later state that was restored to an earlier."""
    with store.connect() as connection:
        return index.watermark <= watermark and _game_of_round(connection, index.watermark) == index.watermark_game


def _game_of_round(connection: Connection, round_id: int) -> str | None:
    return connection.scalar(select(events.c.game_id).where(events.c.id == round_id))
