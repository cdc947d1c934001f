"""Failed writes of rounds: when and how long they are reported, and how they are counted."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import OperationalError

from rps_api.system.store_writes import NOT_READY_SECONDS, StoreWrites
from rps_core.errors import RoundConflict


class Disk:
    """Accepts writes, or raises `refusal`."""

    def __init__(self) -> None:
        self.refusal: Exception | None = None
        self.written: list[str] = []

    def write(self, batch: Sequence[str]) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.written += batch


class Moment:
    """A monotonic clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def refusal(name: str) -> OperationalError:
    error = sqlite3.OperationalError("refused")
    error.sqlite_errorname = name
    return OperationalError("INSERT", {}, error)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = create_engine(f"sqlite:///{tmp_path / 'rps.db'}")
    yield opened
    opened.dispose()


@pytest.fixture
def moment() -> Moment:
    return Moment()


@pytest.fixture
def writes(engine: Engine, moment: Moment) -> StoreWrites:
    return StoreWrites(engine, now=moment)


def samples(writes: StoreWrites) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for metric in writes.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created")
    }


def test_a_store_without_writes_counts_as_writable(writes: StoreWrites) -> None:
    assert (writes.fault(), writes.degradation()) == (None, None)
    assert samples(writes)["rps_store_writable",] == 1
    assert samples(writes)["rps_store_write_failures_total", "full"] == 0


def test_a_failed_write_is_reported_until_one_succeeds(writes: StoreWrites, moment: Moment) -> None:
    disk = Disk()
    write = writes.watching(disk.write)
    disk.refusal = refusal("SQLITE_FULL")
    with pytest.raises(OperationalError):
        write(["a round"])
    moment.now += 3
    assert writes.fault() == "the last round could not be stored 3 s ago: its disk is full"
    assert samples(writes)["rps_store_writable",] == 0
    assert samples(writes)["rps_store_write_failures_total", "full"] == 1
    disk.refusal = None
    write(["the same round"])
    assert disk.written == ["the same round"]
    assert (writes.fault(), writes.degradation()) == (None, None)
    assert samples(writes)["rps_store_writable",] == 1


def test_after_a_while_without_writes_the_service_is_ready_again_but_still_reports_the_failure(
    writes: StoreWrites, moment: Moment
) -> None:
    disk = Disk()
    disk.refusal = refusal("SQLITE_BUSY")
    with pytest.raises(OperationalError):
        writes.watching(disk.write)(["a round"])
    assert writes.degradation() is None
    moment.now += NOT_READY_SECONDS + 1
    assert writes.fault() is None
    assert "something else holds its lock" in str(writes.degradation())
    assert samples(writes)["rps_store_writable",] == 0


def test_conflicts_between_players_do_not_count_as_store_failures(writes: StoreWrites) -> None:
    disk = Disk()
    disk.refusal = RoundConflict("round 3 was already played")
    with pytest.raises(RoundConflict):
        writes.watching(disk.write)(["a round"])
    assert (writes.fault(), samples(writes)["rps_store_writable",]) == (None, 1)


def test_a_store_that_became_read_only_is_opened_again(writes: StoreWrites, engine: Engine) -> None:
    with engine.connect():
        pass
    before = engine.pool
    disk = Disk()
    disk.refusal = refusal("SQLITE_READONLY_DBMOVED")
    with pytest.raises(OperationalError):
        writes.watching(disk.write)(["a round"])
    assert engine.pool is not before
