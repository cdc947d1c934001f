"""Snapshots that are manipulated, truncated, or meet data in use: nothing changes, and the message says why."""

import json
import shutil
import sqlite3
import stat
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import fsspec
import pytest
from filelock import FileLock
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from rps_cli.operations import restore as restoring
from rps_cli.operations.archive import MANIFEST_MEMBER
from rps_cli.operations.store_copy import require_sound_sqlite, settle_sqlite
from rps_cli.up.layout import plan_layout
from rps_core.cache import ModelCache
from rps_core.errors import StoreError
from rps_core.settings import load_settings
from rps_core.store import GameStore, open_engine
from tests.builders.damage import damage_schema
from tests.builders.games import new_game, play_to_the_end
from tests.builders.models import TestRegistry
from tests.builders.ports import free_port
from tests.operations.stores import filled, rows_of, sqlite_url
from tests.operations.world import run


def environment_of(folder: Path, **further: str) -> dict[str, str]:
    return {"DATA_PATH": str(folder), "RPS_API_PORT": str(free_port()), **further}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped product with games, models, a registry and datasets."""
    data = tmp_path_factory.mktemp("source")
    filled(sqlite_url(data)).dispose()
    TestRegistry.in_folder(data / "model_cache").fill_all()
    (data / "mlflow" / "artifacts" / "0" / "abc").mkdir(parents=True)
    (data / "mlflow" / "artifacts" / "0" / "abc" / "model.onnx").write_bytes(b"graph" * 100)
    with closing(sqlite3.connect(data / "mlflow" / "mlflow.db")) as registry, registry:
        registry.execute("CREATE TABLE model_versions (name TEXT)")
        registry.execute("INSERT INTO model_versions VALUES ('rps_bot_xgboost')")
    (data / "datasets").mkdir()
    (data / "datasets" / "latest.json").write_text("{}")
    (data / "datasets" / "link.parquet").symlink_to("/etc/passwd")
    return data


@pytest.fixture(scope="module")
def snapshot(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A valid snapshot of that product."""
    file = tmp_path_factory.mktemp("snapshots") / "sound.zip"
    done = run(environment_of(source), "snapshot", str(file), "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["rows"]["games"] == 4
    assert report["left_out"]["datasets/link.parquet"] == "it is a link"
    return file


def members(file: Path) -> list[tuple[zipfile.ZipInfo, bytes]]:
    with zipfile.ZipFile(file) as opened:
        return [(info, opened.read(info)) for info in opened.infolist()]


def written(target: Path, content: list[tuple[Any, bytes]]) -> None:
    with zipfile.ZipFile(target, "w") as opened:
        for info, data in content:
            opened.writestr(info, data)


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Return an attack that rewrites the manifest."""

    def attack(file: Path) -> None:
        content = members(file)
        manifest = json.loads(content[-1][1])
        change(manifest)
        written(file, [*content[:-1], (MANIFEST_MEMBER, json.dumps(manifest).encode())])

    return attack


def with_member(name: str, data: bytes = b"x", mode: int = 0o644) -> Callable[[Path], None]:
    """Return an attack that adds a member to the file and the manifest."""

    def attack(file: Path) -> None:
        import hashlib

        content = members(file)
        manifest = json.loads(content[-1][1])
        manifest["members"].append({"path": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()})
        info = zipfile.ZipInfo("x")
        info.filename, info.external_attr = name, mode << 16
        written(file, [*content[:-1], (info, data), (MANIFEST_MEMBER, json.dumps(manifest).encode())])

    return attack


def cut(share: float) -> Callable[[Path], None]:
    return lambda file: file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])


def flipped(file: Path) -> None:
    """Change one byte of a member's compressed data."""
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 0xFF
    file.write_bytes(bytes(data))


def replaced_store(file: Path) -> None:
    """Replace the bytes of a member, with a valid checksum of the ZIP file."""
    content = members(file)
    written(file, [(info, b"other" if info.filename == "gameplay/rps.db" else data) for info, data in content])


def without_first(file: Path) -> None:
    written(file, members(file)[1:])


def extra_member(file: Path) -> None:
    content = members(file)
    written(file, [("gameplay/more.db", b"more"), *content])


ATTACKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda file: file.write_bytes(b""), "truncated or damaged"),
    "no archive": (lambda file: file.write_bytes(b"hello" * 1000), "truncated or damaged"),
    "cut at the start": (cut(0.1), "truncated or damaged"),
    "cut in the middle": (cut(0.5), "truncated or damaged"),
    "cut before the end": (cut(0.999), "truncated or damaged"),
    "one byte changed": (flipped, "truncated or damaged|differs from the manifest"),
    "a member replaced": (replaced_store, "differs from the manifest"),
    "a member missing": (without_first, "manifest and content differ"),
    "a member too many": (extra_member, "manifest and content differ"),
    "up and away": (with_member("../evil"), "leads out of the folder"),
    "up from within": (with_member("datasets/../../evil"), "leads out of the folder"),
    "absolute": (with_member("/evil"), "leads out of the folder"),
    "backslash": (with_member("datasets\\evil"), "leads out of the folder"),
    "drive": (with_member("C:evil"), "leads out of the folder"),
    "link": (with_member("datasets/evil", b"/etc/passwd", stat.S_IFLNK | 0o777), "is a link"),
    "other format": (edited(lambda m: m.update(format="backup")), "this release reads 'rps-snapshot'"),
    "newer format": (edited(lambda m: m.update(format_version=2)), "version 2"),
    "newer schema": (edited(lambda m: m["versions"].update(schema="9999")), "newer release"),
    "lying about a size": (edited(lambda m: m["members"][0].update(size=3)), "differs from the manifest"),
    "named twice": (edited(lambda m: m["members"].append(m["members"][0])), "twice"),
    "manifest of another shape": (edited(lambda m: m.update(members="all")), "cannot be read"),
    "hash of another shape": (edited(lambda m: m["members"][0].update(sha256="../x")), "cannot be read"),
    "fewer rows": (edited(lambda m: m["rows"].update(events=10**6)), "lacks rows of events"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_damaged_snapshot_changes_nothing(attack: str, snapshot: Path, tmp_path: Path) -> None:
    file, target = tmp_path / "attacked.zip", tmp_path / "target"
    shutil.copyfile(snapshot, file)
    change, messages = ATTACKS[attack]
    change(file)
    engine = filled(sqlite_url(target), games=1)
    rows = rows_of(engine)
    engine.dispose()
    before = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*"))
    done = run(environment_of(target), "restore", str(file), "--force")
    assert done.exit_code == 1
    assert any(message in done.stderr for message in messages.split("|")), done.stderr
    assert "Traceback" not in done.output
    after = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if "/up" not in str(path))
    assert after == before
    assert rows_of(engine) == rows
    engine.dispose()
    assert not (tmp_path / "evil").exists()


def test_a_missing_snapshot_is_reported(tmp_path: Path) -> None:
    done = run(environment_of(tmp_path / "target"), "restore", str(tmp_path / "none.zip"))
    assert done.exit_code == 1
    assert f"the snapshot {tmp_path / 'none.zip'} does not exist" in done.stderr


def test_a_store_in_use_is_refused(snapshot: Path, tmp_path: Path) -> None:
    engine = filled(sqlite_url(tmp_path), games=1)
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        done = run(environment_of(tmp_path), "restore", str(snapshot), "--force")
    engine.dispose()
    assert done.exit_code == 1
    assert "is in use" in done.stderr
    assert run(environment_of(tmp_path), "restore", str(snapshot), "--force").exit_code == 0


def test_a_data_folder_on_which_rps_up_runs_is_refused(snapshot: Path, tmp_path: Path) -> None:
    environment = environment_of(tmp_path)
    layout = plan_layout(load_settings(data_path=tmp_path).storage, environment)
    layout.run.mkdir()
    with FileLock(layout.lock_file):
        done = run(environment, "restore", str(snapshot), "--force")
    assert done.exit_code == 1
    assert f"`rps up` runs on {tmp_path}; stop it first with `rps down`" in done.stderr
    assert not (tmp_path / "rps.db").exists()


def test_existing_data_needs_force_and_is_moved_aside(snapshot: Path, source: Path, tmp_path: Path) -> None:
    engine = filled(sqlite_url(tmp_path), games=1)
    was = rows_of(engine)
    engine.dispose()
    refused = run(environment_of(tmp_path), "restore", str(snapshot))
    assert refused.exit_code == 1
    assert "the gameplay store; use --force to move it aside" in refused.stderr
    assert run(environment_of(tmp_path), "restore", str(snapshot), "--force").exit_code == 0
    aside = open_engine(sqlite_url(next(tmp_path.glob("before-restore-*"))))
    restored, original = open_engine(sqlite_url(tmp_path)), open_engine(sqlite_url(source))
    assert rows_of(aside) == was
    assert rows_of(restored) == rows_of(original)
    for engine in (aside, restored, original):
        engine.dispose()


@pytest.mark.parametrize("failing", [1, 2, 3, 4])
def test_a_swap_that_fails_halfway_puts_everything_back(
    failing: int, snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(environment_of(tmp_path), "restore", str(snapshot)).exit_code == 0
    before = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    done_so_far, rename = [0], Path.rename

    def fail(path: Path, target: Path) -> Path:
        done_so_far[0] += 1
        if done_so_far[0] == failing:
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    done = run(environment_of(tmp_path), "restore", str(snapshot), "--force")
    assert done.exit_code == 1
    assert "nothing was restored: [Errno 28]" in done.stderr
    after = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


@contextmanager
def mounted(*arguments: str | Path) -> Iterator[None]:
    """A real mount, which only root may make."""
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this user cannot mount: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", arguments[-1]], check=True)


def files_below(*folders: Path) -> dict[Path, bytes | int]:
    # SQLite counts in the store how often it was opened.
    return {
        path: path.stat().st_size if path.name == "rps.db" else path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.skipif(shutil.which("mount") is None, reason="no mount here")
def test_mounts_and_links_stay_and_what_they_hold_is_swapped(
    snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The data folder and its cache are mounted, the datasets are a bound folder, and MLflow's folder is a link."""
    data, bound, elsewhere = tmp_path / "data", tmp_path / "bound", tmp_path / "elsewhere"
    for folder in (data, bound, elsewhere):
        folder.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=64m", "tmpfs", data):
        for name in ("model_cache", "datasets"):
            (data / name).mkdir()
        (data / "mlflow").symlink_to(elsewhere)
        with mounted("-t", "tmpfs", "tmpfs", data / "model_cache"), mounted("--bind", bound, data / "datasets"):
            environment = environment_of(data)
            assert run(environment, "restore", str(snapshot)).exit_code == 0
            (data / "model_cache" / "old").write_bytes(b"of the operator")
            before, rename, limit = files_below(tmp_path, elsewhere), Path.rename, [0]

            def fail(path: Path, target: Path) -> Path:
                limit[0] -= 1
                if limit[0] == 0:
                    raise OSError(5, "Input/output error")
                return rename(path, target)

            with monkeypatch.context() as failing:
                failing.setattr(Path, "rename", fail)
                for limit[0] in (2, 7, 11):
                    done = run(environment, "restore", str(snapshot), "--force")
                    assert "nothing was restored: [Errno 5]" in done.stderr
                    assert files_below(tmp_path, elsewhere) == before
            done = run(environment, "restore", str(snapshot), "--force")
            assert done.exit_code == 0, done.output
            assert (data / "mlflow").is_symlink()
            assert (elsewhere / "mlflow.db").is_file()
            assert (bound / "latest.json").is_file()
            assert not (data / "model_cache" / "old").exists()
            (aside,) = (data / "model_cache").glob(".before-restore-*/old")
            assert str(aside.parent) in done.output
            # A part that was set aside is not in a later snapshot, and a mount inside a part is refused.
            later = tmp_path / "later.zip"
            assert run(environment, "snapshot", str(later)).exit_code == 0
            with zipfile.ZipFile(later) as opened:
                assert not any("before-restore" in name for name in opened.namelist())
            (elsewhere / "artifacts").mkdir(exist_ok=True)
            with mounted("-t", "tmpfs", "tmpfs", elsewhere / "artifacts"):
                before = files_below(tmp_path, elsewhere)
                done = run(environment, "restore", str(snapshot), "--force")
                assert f"{elsewhere}/artifacts is a mount point inside of {data}/mlflow" in done.stderr
                assert files_below(tmp_path, elsewhere) == before


def test_a_full_disk_is_noticed_before_anything_is_unpacked(
    snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=1_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    done = run(environment_of(tmp_path), "restore", str(snapshot))
    assert done.exit_code == 1
    assert "free some space" in done.stderr
    assert not (tmp_path / "rps.db").exists()


def test_a_missing_store_and_a_missing_folder_give_sentences(source: Path, tmp_path: Path) -> None:
    without_store = run(environment_of(tmp_path / "empty"), "snapshot", str(tmp_path / "x.zip"))
    assert without_store.exit_code == 1
    assert "does not exist; check DATA_PATH" in without_store.stderr
    without_folder = run(environment_of(source), "snapshot", str(tmp_path / "no" / "folder" / "x.zip"))
    assert without_folder.exit_code == 1
    assert "create it first" in without_folder.stderr
    assert list(tmp_path.rglob("*.zip*")) == []


@pytest.mark.parametrize("form", ["file://{}", "{}", "local://{}/"])
def test_datasets_in_another_folder_are_saved_and_restored_there(form: str, source: Path, tmp_path: Path) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    shutil.copytree(source, data, symlinks=True)
    other.mkdir()
    (data / "datasets").rename(other / "datasets")
    environment = environment_of(data, RPS_DATA_URL=form.format(other), RPS_CACHE_URL=str(data / "model_cache"))
    done = run(environment, "snapshot", str(tmp_path / "s.zip"), "--json")
    assert done.exit_code == 0, done.output
    assert "datasets" not in json.loads(done.stdout)["left_out"]
    (other / "datasets" / "latest.json").write_text("{changed}")
    restored = run(environment, "restore", str(tmp_path / "s.zip"), "--force", "--json")
    assert restored.exit_code == 0, restored.output
    assert (other / "datasets" / "latest.json").read_text() == "{}"
    # Nothing is overwritten in place.
    assert len(list(tmp_path.rglob("before-restore-*/model_cache"))) == 1
    assert not (data / "datasets").exists()


@pytest.mark.parametrize("place", ["x" * 300, "a file", "a missing disk"])
@pytest.mark.parametrize(
    "command", [("doctor",), ("migrate",), ("restore", "{snapshot}"), ("import-rounds", "{rounds}")]
)
def test_a_folder_that_the_system_refuses_gives_a_sentence(
    command: tuple[str, ...], place: str, tmp_path: Path, snapshot: Path
) -> None:
    (tmp_path / "a file").touch()
    (tmp_path / "a missing disk").symlink_to(tmp_path / "disk")
    (tmp_path / "rounds.csv").write_text("player_move,bot_move\n" + 12 * "rock,paper\n")
    files = {"snapshot": snapshot, "rounds": tmp_path / "rounds.csv"}
    found = run({"DATA_PATH": str(tmp_path / place)}, *(part.format(**files) for part in command))
    assert found.exit_code == 1
    assert isinstance(found.exception, SystemExit)
    assert str(tmp_path / place) in (found.stdout if command[0] == "doctor" else found.stderr)


def test_a_damaged_cache_is_not_saved(source: Path, tmp_path: Path) -> None:
    data = tmp_path / "damaged"
    shutil.copytree(source, data, symlinks=True)
    next((data / "model_cache").glob("*/model/model.onnx")).write_bytes(b"half")
    done = run(environment_of(data), "snapshot", str(tmp_path / "x.zip"))
    assert done.exit_code == 1
    assert "repair it with `rps sync`" in done.stderr
    assert not (tmp_path / "x.zip").exists()


def test_a_remote_cache_is_written_with_its_index_last(snapshot: Path, tmp_path: Path) -> None:
    fsspec.filesystem("memory").rm("/", recursive=True)
    environment = environment_of(tmp_path, RPS_CACHE_URL="memory://models", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    done = run(environment, "restore", str(snapshot), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["skipped"] == {
        "mlflow": "MLFLOW_TRACKING_URI names another server, which is unchanged"
    }
    index = ModelCache.open("memory://models").read_index()
    assert index is not None
    assert len(index.entries) == 12
    again = tmp_path / "again.zip"
    report = json.loads(run(environment, "snapshot", str(again), "--json").stdout)
    assert report["left_out"]["mlflow"].startswith("MLFLOW_TRACKING_URI names another server")
    with zipfile.ZipFile(snapshot) as one, zipfile.ZipFile(again) as other:
        cached = [
            name for name in one.namelist() if name.startswith("model_cache/") and not name.endswith("index.json")
        ]
        assert {name: one.read(name) for name in cached} == {name: other.read(name) for name in cached}


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[str]:
    """The URL of an empty database."""
    url = make_url(postgres_url)
    administrator = create_engine(url, isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS snapshots WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE snapshots"))
    yield url.set(database="snapshots").render_as_string(hide_password=False)
    with administrator.connect() as connection:
        connection.execute(text("DROP DATABASE snapshots WITH (FORCE)"))
    administrator.dispose()


def test_a_store_moves_to_postgresql_and_back_without_losing_a_row(
    postgres: str, snapshot: Path, source: Path, tmp_path: Path
) -> None:
    environment = environment_of(tmp_path / "scaled", RPS_DATABASE_URL=postgres)
    assert run(environment, "restore", str(snapshot)).exit_code == 0
    engine, original = open_engine(postgres), open_engine(sqlite_url(source))
    assert rows_of(engine) == rows_of(original)
    # The next round gets a new number.
    play_to_the_end(GameStore(engine), new_game("later"), seed=3)
    used = run(environment, "restore", str(snapshot), "--force")
    assert used.exit_code == 1
    assert "other connections use the gameplay database" in used.stderr
    now = rows_of(engine)
    engine.dispose()

    back = tmp_path / "back.zip"
    done = run(environment, "snapshot", str(back))
    assert done.exit_code == 0, done.output
    assert run(environment_of(tmp_path / "small"), "restore", str(back)).exit_code == 0
    small = open_engine(sqlite_url(tmp_path / "small"))
    assert rows_of(small) == now
    assert run(environment, "restore", str(snapshot), "--force").exit_code == 0
    engine, aside = open_engine(postgres), open_engine(sqlite_url(next((tmp_path / "scaled").glob("before-*"))))
    assert rows_of(engine) == rows_of(original)
    assert rows_of(aside) == now
    for opened in (engine, original, small, aside):
        opened.dispose()


def test_a_foreign_table_in_the_database_is_neither_saved_nor_emptied(
    postgres: str, snapshot: Path, tmp_path: Path
) -> None:
    engine = filled(postgres, games=1)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE operators_notes (note TEXT)"))
        connection.execute(text("INSERT INTO operators_notes VALUES ('keep')"))
    engine.dispose()
    environment = environment_of(tmp_path / "scaled", RPS_DATABASE_URL=postgres)
    saved = run(environment, "snapshot", str(tmp_path / "saved.zip"))
    assert saved.exit_code == 0, saved.output
    restored = run(environment, "restore", str(snapshot), "--force")
    assert restored.exit_code == 0, restored.output
    assert rows_of(engine, {"operators_notes": ["note"]}) == {"operators_notes": [("keep",)]}
    engine.dispose()


def test_a_restore_that_postgresql_refuses_changes_neither_rows_nor_folders(
    postgres: str, snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = filled(postgres, games=1)
    before = rows_of(engine)
    engine.dispose()

    def refuse(*_: object, **__: object) -> None:
        raise restoring.SnapshotError("the connection was lost")

    monkeypatch.setattr(restoring, "copy_rows", refuse)
    done = run(environment_of(tmp_path / "data", RPS_DATABASE_URL=postgres), "restore", str(snapshot), "--force")
    assert done.exit_code == 1
    assert rows_of(engine) == before
    engine.dispose()
    assert not (tmp_path / "data" / "model_cache").exists()


def test_a_store_whose_schema_is_not_text_is_refused(tmp_path: Path) -> None:
    file = damage_schema(tmp_path / "rps.db")
    for check in (require_sound_sqlite, settle_sqlite):
        with pytest.raises(StoreError, match="utf-8"):
            check(file)
