"""Two APIs behind a real PgBouncer in transaction mode."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from rps_core.store import GameStore, open_engine, upgrade_store
from tests.builders.games import new_game, play_to_the_end
from tests.builders.ports import free_port

PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/opt/homebrew/bin")


@pytest.fixture
def pooled(postgres_url: str, tmp_path: Path) -> Iterator[str]:
    """The URL of a pooler with three connections to the server."""
    if PGBOUNCER is None:
        pytest.skip("PgBouncer is not installed")
    url, port = make_url(postgres_url), free_port()
    administrator = create_engine(url, isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        connection.execute(text("CREATE DATABASE pooled"))
    server = f"host={url.query.get('host', url.host)} port={url.port or 5432} user={url.username}"
    configuration = tmp_path / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\npooled = {server} dbname=pooled\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        "pool_mode = transaction\ndefault_pool_size = 3\nquery_wait_timeout = 5\nlogfile =\n"
    )
    configuration.chmod(0o644)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    # It refuses to run as root; the owner of the server's socket may use it.
    owner = Path(str(url.query["host"])).owner()
    user = () if owner == Path(configuration).owner() else ("--user", owner)
    process = subprocess.Popen([PGBOUNCER, *user, str(configuration)], stderr=subprocess.DEVNULL)
    try:
        yield f"postgresql+psycopg://{url.username}@127.0.0.1:{port}/pooled"
    finally:
        process.terminate()
        process.wait(10)
        with administrator.connect() as connection:
            connection.execute(text("DROP DATABASE pooled WITH (FORCE)"))
        administrator.dispose()


def reached(engine: Engine) -> Engine:
    for _ in range(100):
        try:
            engine.connect().close()
            break
        except OperationalError:
            time.sleep(0.05)
    return engine


def test_two_apis_behind_a_pooler_in_transaction_mode_play(pooled: str) -> None:
    engines = [reached(open_engine(pooled)) for _ in range(2)]
    upgrade_store(engines[0])

    def play(number: int) -> None:
        store = GameStore(engines[number % 2])
        for repeat in range(4):
            game = new_game(f"game-{number}-{repeat}")
            assert play_to_the_end(store, game, seed=number).winner is not None

    with ThreadPoolExecutor(6) as clients:
        list(clients.map(play, range(6)))
    for engine in engines:
        engine.dispose()


def test_statements_are_prepared_without_a_pooler_unless_the_setting_says_no(postgres_url: str) -> None:
    for setting, prepares in (("auto", True), ("off", False)):
        engine = open_engine(postgres_url, prepared_statements=setting)
        with engine.connect() as connection:
            assert (connection.connection.driver_connection.prepare_threshold is not None) == prepares
        engine.dispose()
