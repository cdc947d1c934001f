"""Foreign snapshots: either restored completely or refused without any change."""

import hashlib
import json
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from rps_cli.operations.archive import MANIFEST_MEMBER, SnapshotError
from rps_cli.operations.restore import restore_snapshot, verify_snapshot
from rps_cli.operations.snapshot import take_snapshot
from rps_core.errors import RpsError
from rps_core.settings import load_settings
from tests.builders.models import TestRegistry
from tests.builders.ports import free_port
from tests.fuzz.cases import fuzz, may_refuse
from tests.fuzz.mutations import TEXTS, mutated_bytes, mutated_json
from tests.fuzz.watching import only_inside
from tests.operations.stores import filled, sqlite_url

NOW = datetime(2026, 11, 3, tzinfo=UTC)
STORE = "gameplay/rps.db"


class Snapshot:
    """The members of a valid snapshot, and the empty folder that each case restores to."""

    def __init__(self, folder: Path) -> None:
        data = folder / "source"
        data.mkdir()
        filled(sqlite_url(data), games=1).dispose()
        TestRegistry.in_folder(data / "model_cache").fill_all()
        (data / "datasets").mkdir()
        (data / "datasets" / "latest.json").write_text("{}")
        whole = folder / "sound.zip"
        take_snapshot(load_settings(data_path=data, api_port=free_port()), whole, NOW, lambda _: None)
        self.bytes = whole.read_bytes()
        with zipfile.ZipFile(whole) as opened:
            self.members = {name: opened.read(name) for name in opened.namelist()}
        self.manifest: dict[str, Any] = json.loads(self.members.pop(MANIFEST_MEMBER))
        self.area = folder / "area"
        self.file = self.area / "in.zip"
        self.target = self.area / "target"
        self.settings = load_settings(data_path=self.target, api_port=free_port())

    def fresh(self) -> None:
        shutil.rmtree(self.area, ignore_errors=True)
        self.area.mkdir()
        (self.area / "neighbour.txt").write_text("untouched")

    def write(self, members: dict[str, bytes], manifest: bytes) -> None:
        with zipfile.ZipFile(self.file, "w", zipfile.ZIP_DEFLATED) as written:
            for name, data in members.items():
                info = zipfile.ZipInfo("x")
                info.filename = name
                written.writestr(info, data)
            written.writestr(MANIFEST_MEMBER, manifest)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return Snapshot(tmp_path_factory.mktemp("snapshots"))


def restored(snapshot: Snapshot) -> bool:
    """Restore, and return whether it succeeded; a refused snapshot must leave nothing behind."""
    done = None
    with only_inside(snapshot.area), may_refuse(RpsError):
        done = restore_snapshot(snapshot.settings, {}, snapshot.file, NOW, lambda _: None)
    assert {path.name for path in snapshot.area.iterdir()} <= {"neighbour.txt", "in.zip", "target"}
    assert (snapshot.area / "neighbour.txt").read_text() == "untouched"
    left = {path.name for path in snapshot.target.rglob("*")} if snapshot.target.exists() else set()
    assert not any("restoring-" in name for name in left)
    if done is None:
        assert left <= {"up", "up.lock"}
    return done is not None


def with_hashes(snapshot: Snapshot, changed: dict[str, bytes]) -> bytes:
    """The manifest of changed members, with correct hashes."""
    members = [
        {"path": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in changed.items()
    ]
    return json.dumps(snapshot.manifest | {"members": members}).encode()


@fuzz(80, data=st.data())
def test_damaged_bytes_are_detected(data: st.DataObject, snapshot: Snapshot) -> None:
    snapshot.fresh()
    snapshot.file.write_bytes(data.draw(mutated_bytes(snapshot.bytes)))
    with only_inside(snapshot.area), may_refuse(RpsError):
        manifest = verify_snapshot(snapshot.file)
        assert {member.path for member in manifest.members} == set(snapshot.members)
    assert not snapshot.target.exists()


def test_the_error_about_a_damaged_length_does_not_repeat_the_file(snapshot: Snapshot) -> None:
    snapshot.fresh()
    length_of_name = 26  # offset in the header of the first member
    damaged = snapshot.bytes[:length_of_name] + b"\xff\xff" + snapshot.bytes[length_of_name + 2 :]
    snapshot.file.write_bytes(damaged)
    with pytest.raises(SnapshotError, match="damaged") as refusal:
        verify_snapshot(snapshot.file)
    assert len(str(refusal.value)) < 1_000


@fuzz(60, data=st.data())
def test_a_strange_manifest_is_refused_or_harmless(data: st.DataObject, snapshot: Snapshot) -> None:
    snapshot.fresh()
    snapshot.write(snapshot.members, data.draw(mutated_json(snapshot.manifest)))
    restored(snapshot)


@fuzz(40, store=st.data())
def test_a_foreign_store_is_refused_or_valid(store: st.DataObject, snapshot: Snapshot) -> None:
    snapshot.fresh()
    changed = snapshot.members | {STORE: store.draw(mutated_bytes(snapshot.members[STORE], 8))}
    snapshot.write(changed, with_hashes(snapshot, changed))
    restored(snapshot)


NAMES = st.sampled_from((*TEXTS, "../x", "gameplay/../../x", "/x", "datasets/./x", "datasets//x", "datasets/x/", "c:x",
                         "model_cache/../../neighbour.txt", "unknown/x", "datasets", "gameplay/rps.db/x"))  # fmt: skip


@fuzz(60, name=NAMES | st.text(max_size=30), content=st.binary(max_size=50))
def test_an_extra_member_is_not_written_elsewhere(name: str, content: bytes, snapshot: Snapshot) -> None:
    snapshot.fresh()
    changed = {**snapshot.members, name.replace("\ud800", "?"): content}
    snapshot.write(changed, with_hashes(snapshot, changed))
    restored(snapshot)


ATTACKS: dict[str, Callable[[sqlite3.Connection], object]] = {
    "a trigger": lambda store: store.executescript(
        "CREATE TRIGGER t AFTER UPDATE ON games BEGIN DELETE FROM events; END;"
    ),
    "a view": lambda store: store.executescript(
        "ALTER TABLE models RENAME TO m; CREATE VIEW models AS SELECT * FROM m"
    ),
    "a table too many": lambda store: store.executescript("CREATE TABLE evil (x); INSERT INTO evil VALUES (1)"),
    "a table too few": lambda store: store.executescript("DROP TABLE promotion_events"),
    "another revision": lambda store: store.executescript("UPDATE alembic_version SET version_num = '9999'"),
    "two revisions": lambda store: store.executescript("INSERT INTO alembic_version VALUES ('0001')"),
    "no revision": lambda store: store.executescript("DROP TABLE alembic_version"),
    "rounds of no game": lambda store: store.executescript("PRAGMA foreign_keys=OFF; DELETE FROM games"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_store_with_foreign_content_is_refused(name: str, snapshot: Snapshot, tmp_path: Path) -> None:
    snapshot.fresh()
    store = tmp_path / "rps.db"
    store.write_bytes(snapshot.members[STORE])
    with closing(sqlite3.connect(store)) as connection:
        ATTACKS[name](connection)
        connection.commit()
    changed = snapshot.members | {STORE: store.read_bytes()}
    snapshot.write(changed, with_hashes(snapshot, changed))
    assert not restored(snapshot)


def test_the_valid_snapshot_is_restored(snapshot: Snapshot) -> None:
    """Show that the cases above are not all refused for another reason."""
    snapshot.fresh()
    snapshot.write(snapshot.members, with_hashes(snapshot, snapshot.members))
    assert restored(snapshot)
