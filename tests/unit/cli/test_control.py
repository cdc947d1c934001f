"""Ports, leftovers and session records, with real processes and sockets."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from rps_cli.network import accepts_connections, port_holder
from rps_cli.stores import gameplay_store
from rps_cli.up.checks import check_ports
from rps_cli.up.control import describe_session, stop_session
from rps_cli.up.layout import Layout, UpError, create_folders, plan_layout
from rps_cli.up.leftovers import end_leftovers, find_leftovers
from rps_cli.up.programs import MARKER
from rps_cli.up.record import SessionRecord, read_record, recorded_process, start_of, write_record
from rps_core.errors import RpsError
from rps_core.settings import load_settings
from rps_core.store.play_counts import gameplay_counts

SLEEP = "import time; print('up', flush=True); time.sleep(120)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}]).wait()"
Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a process with the mark of the test's data folder, and wait until it runs."""
    started: list[subprocess.Popen[str]] = []

    def begin(code: str) -> "subprocess.Popen[str]":
        environment = {**os.environ, MARKER: str(tmp_path)}
        process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    planned = plan_layout(load_settings(data_path=tmp_path).storage, {"DAGSTER_HOME": str(tmp_path / "home")})
    create_folders(planned)
    yield planned
    planned.sockets.rmdir()


def test_marked_processes_and_their_children_are_found_and_ended(tmp_path: Path, start: Start) -> None:
    start(SLEEP)
    start(PARENT)
    found = find_leftovers(tmp_path)
    assert len(found) == 3
    assert end_leftovers(tmp_path) == sorted(process.pid for process in found)
    assert find_leftovers(tmp_path) == []


def test_a_process_that_ignores_the_request_is_killed(tmp_path: Path, start: Start) -> None:
    process = start(STUBBORN)
    assert end_leftovers(tmp_path, grace_seconds=0.2) == [process.pid]
    assert process.wait(5) is not None


def test_processes_of_another_data_folder_are_left_alone(tmp_path: Path, start: Start) -> None:
    process = start(SLEEP)
    assert end_leftovers(tmp_path / "other") == []
    assert process.poll() is None


def test_the_caller_is_never_a_leftover(tmp_path: Path) -> None:
    code = (
        "import os; from pathlib import Path; from rps_cli.up.leftovers import end_leftovers; "
        f"print(end_leftovers(Path({str(tmp_path)!r})))"
    )
    environment = {**os.environ, MARKER: str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_record_does_not_match_another_process_with_the_same_id(tmp_path: Path) -> None:
    file = tmp_path / "session.json"
    write_record(file, {"game": "http://127.0.0.1:1/"})
    record = read_record(file)
    assert record is not None
    found = recorded_process(record)
    assert found is not None
    assert found.pid == os.getpid()
    assert recorded_process(SessionRecord(pid=record.pid, started="another boot 1", addresses={})) is None
    assert recorded_process(None) is None


@pytest.mark.parametrize("content", [b"", b"{", b'{"pid": "x"}', b"\xff"])
def test_a_damaged_record_counts_as_missing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "session.json").write_bytes(content)
    assert read_record(tmp_path / "session.json") is None


def record_of(process: "subprocess.Popen[str]", layout: Layout) -> None:
    started = start_of(psutil.Process(process.pid))
    layout.session_file.write_text(f'{{"pid": {process.pid}, "started": "{started}", "addresses": {{}}}}')


def test_down_stops_the_recorded_process(layout: Layout, start: Start) -> None:
    process = start(SLEEP)
    record_of(process, layout)
    assert f"stopped `rps up` (process {process.pid})" in stop_session(layout)
    assert process.wait(5) is not None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the kernel keeps the start time")
def test_a_clock_that_was_set_does_not_hide_a_session(
    layout: Layout, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start(SLEEP)
    record_of(process, layout)
    # psutil reckons with the time of the boot, which moves with the clock.
    boot = psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot + 3600)
    found = recorded_process(read_record(layout.session_file))
    assert found is not None
    assert found.pid == process.pid


def test_a_background_job_lets_programs_end_that_a_test_starts() -> None:
    code = (
        "import signal, tests.conftest; from dagster._utils.interrupts import setup_interrupt_handlers; "
        "setup_interrupt_handlers(); print(signal.getsignal(signal.SIGTERM) is signal.SIG_IGN)"
    )
    command = ["/bin/sh", "-c", "trap '' INT; exec \"$@\"", "sh", sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


def test_down_ends_the_processes_of_a_crashed_session(layout: Layout, start: Start) -> None:
    start(SLEEP)
    assert stop_session(layout) == "ended 1 processes of a crashed session"
    assert stop_session(layout) == f"nothing runs on {layout.data}"


def test_down_ends_nothing_while_a_session_is_starting(layout: Layout, start: Start) -> None:
    process = start(SLEEP)
    with FileLock(layout.lock_file), pytest.raises(UpError, match="is starting or stopping"):
        stop_session(layout)
    assert process.poll() is None


def test_down_on_a_folder_that_was_never_used_creates_nothing(tmp_path: Path) -> None:
    unused = plan_layout(load_settings(data_path=tmp_path / "unused").storage, {})
    assert stop_session(unused) == f"nothing runs on {tmp_path / 'unused'}"
    assert not unused.data.exists()


def test_status_without_a_session_says_how_to_start_one(layout: Layout) -> None:
    with pytest.raises(UpError, match="start it with `rps up`"):
        describe_session(layout)


def free_ports() -> dict[str, int]:
    with socket.create_server(("127.0.0.1", 0)) as a, socket.create_server(("127.0.0.1", 0)) as b:
        return {"api_port": a.getsockname()[1], "dagster_port": b.getsockname()[1]}


def test_a_port_in_use_is_reported_with_its_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert str(os.getpid()) in (port_holder(port) or "")
        assert accepts_connections("127.0.0.1", port)
        with pytest.raises(
            UpError, match=rf"MLflow cannot use port {port} .*in use by process {os.getpid()}.*RPS_MLFLOW_P"
        ):
            check_ports(load_settings(mlflow_port=port, **free_ports()).services)


def test_free_ports_pass() -> None:
    ports = free_ports()
    check_ports(load_settings(mlflow_tracking_uri_override="http://elsewhere", **ports).services)
    assert not accepts_connections("127.0.0.1", ports["api_port"])
    assert port_holder(ports["api_port"]) is None


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.7"])
def test_a_host_that_is_not_this_machine_is_refused(host: str) -> None:
    with pytest.raises(RpsError, match="RPS_HOST"):
        check_ports(load_settings(host=host, **free_ports()).services)


def test_what_the_page_does_not_need_is_imported_after_the_api_was_started() -> None:
    code = "import sys, rps_cli.app, rps_cli.up.session, rps_cli.up.display; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()).isdisjoint({"alembic", "httpx", "sqlalchemy", "supervisor.xmlrpc"})


def test_a_new_store_is_created_and_empty(tmp_path: Path) -> None:
    with gameplay_store(load_settings(data_path=tmp_path).storage, upgrade=True) as engine:
        assert gameplay_counts(engine, datetime.now(UTC)).finished_games == 0
    assert (tmp_path / "rps.db").exists()
