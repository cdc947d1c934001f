"""Writes games to the store: a game and its rounds together, and never twice."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TypeAlias

from sqlalchemy import Connection, Engine, insert, inspect, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from rps_cli.importers.games import StorableGame
from rps_cli.importers.report import ImportReport
from rps_core.errors import StoreError
from rps_core.store.engine import Writer, writing
from rps_core.store.schema import events, games

# A player's round waits for the write lock during one transaction; fewer games would make commits expensive.
GAMES_PER_TRANSACTION = 100
# Files that number their games 1, 2, 3 have the same ids.
OTHER_GAME = "games: another game in the store has this id; give the games of this file ids of their own"
_ATTEMPTS = 3
# The moves of games in the store, by id.
Known: TypeAlias = dict[str, list[tuple[str, str]]]


def write_games(engine: Engine, storable: Iterable[StorableGame], report: ImportReport) -> None:
    """Write the games that the store lacks in batches, and count them.

    An interrupted import leaves complete batches and can be repeated.

    Raises:
        StoreError: the database refused a batch; earlier batches stay.
    """
    # A dry run may find an empty database, because it creates no tables.
    has_tables = not report.dry_run or inspect(engine).has_table(games.name)
    writer = writing(engine)
    iterator = iter(storable)
    while batch := list(islice(iterator, GAMES_PER_TRANSACTION)):
        if not report.dry_run:
            known = _write_batch(writer, batch)
        elif has_tables:
            with engine.connect() as connection:
                known = _known_games(connection, batch)
        else:
            known = {}
        _count(batch, known, report)


def _write_batch(writer: Writer, batch: Sequence[StorableGame]) -> Known:
    """Write one transaction, and return the games that were already in the store."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with writer.begin() as connection:
                known = _known_games(connection, batch)
                _insert_new(connection, batch, known)
                return known
        except IntegrityError as error:
            # Another import has just written one of these games; read the known ids again.
            if attempt == _ATTEMPTS:
                raise StoreError(f"the gameplay database refused a game: {error.orig}") from error
        except DBAPIError as error:
            raise StoreError(
                f"the gameplay database refused a batch of games: {error.orig}; earlier batches are imported, so "
                "fix the cause and repeat the import"
            ) from error
    raise AssertionError("the last attempt returns or raises")


def _count(batch: Sequence[StorableGame], known: Known, report: ImportReport) -> None:
    seen = set(known)
    for storable in batch:
        if not _is_same(storable, known.get(storable.id, [])):
            report.count("skipped", OTHER_GAME, storable.id)
            continue
        section = "already_there" if storable.id in seen else "imported"
        seen.add(storable.id)
        report.count(section, "games", storable.id)
        report.count(section, "rounds", storable.id, len(storable.events))


def _known_games(connection: Connection, batch: Sequence[StorableGame]) -> Known:
    ids = connection.scalars(select(games.c.id).where(games.c.id.in_([storable.id for storable in batch])))
    known: Known = {game_id: [] for game_id in ids}
    if known:
        moves = select(events.c.game_id, events.c.user_move, events.c.bot_move).order_by(events.c.step_no)
        for game_id, user_move, bot_move in connection.execute(moves.where(events.c.game_id.in_(known))):
            known[game_id].append((user_move, bot_move))
    return known


def _is_same(storable: StorableGame, moves: Sequence[tuple[str, str]]) -> bool:
    """Return whether the stored moves are those of this game; one of the two may have gone on longer."""
    played = ((event["user_move"], event["bot_move"]) for event in storable.events)
    return all(one == other for one, other in zip(played, moves, strict=False))


def _insert_new(connection: Connection, batch: Sequence[StorableGame], known: Known) -> None:
    new: dict[str, StorableGame] = {}
    for storable in batch:
        if storable.id not in known:
            new.setdefault(storable.id, storable)
    if new:
        connection.execute(insert(games), [storable.game for storable in new.values()])
    if rows := [event for storable in new.values() for event in storable.events]:
        connection.execute(insert(events), rows)
