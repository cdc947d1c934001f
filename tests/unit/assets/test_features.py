"""The feature table follows the store, and a dataset from it equals one computed from the whole store."""

import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import msgspec
import polars as pl
import pytest
from sqlalchemy import Connection, Engine, update

from rps_assets.datasets import feature_parts, features
from rps_assets.datasets.assembly import assemble
from rps_assets.datasets.build import build_dataset
from rps_assets.datasets.canonical import fingerprint_of_games
from rps_assets.datasets.dataset_folder import DatasetFolder, DatasetInfo, describe
from rps_assets.datasets.feature_parts import PARTS_A_DAY, FeatureFolder, FeatureIndex, FeaturesError
from rps_assets.datasets.feature_tables import TABLES, FeatureTable
from rps_assets.datasets.features import bring_up_to_date, rebuild_days
from rps_assets.datasets.selection import kept_games
from rps_assets.datasets.training_games import select_games
from rps_core.object_folder import ObjectFolder
from rps_core.settings import TrainingSettings
from rps_core.store import GameStore
from rps_core.store.play_counts import gameplay_counts
from rps_core.store.schema import events, games
from rps_core.store.tallies import last_round_id
from tests.builders.games import START, new_game, play_next, play_to_the_end
from tests.unit.store.conftest import engine as engine  # noqa: PLC0414  # the same two databases

V2, V3 = TABLES[2], TABLES[3]
# Later than the end of each game, and than the time after which rounds are settled.
NOW = START + timedelta(days=30)
ALL = TrainingSettings(
    training_data_since=START - timedelta(days=90), training_scripted_game_stride=2, training_simulated_games=0
)


class House:
    """A store, its datasets, and a clock."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.now, self.played = engine, NOW, 0
        self.store = GameStore(engine)
        self.datasets = DatasetFolder(ObjectFolder.open(f"file://{folder}/datasets"))
        play_to_the_end(self.store, new_game("template", player_kind="test"))

    def features(self, table: FeatureTable = V3) -> FeatureFolder:
        return self.datasets.features(table.contract)

    def play(self, day: float = 0, *, finished: bool = True, **changes: Any) -> str:
        """Play a game that was created so many days after `START`; an unfinished one stays after five rounds."""
        self.played += 1
        game = new_game(
            f"game-{self.played:03d}", created_at=START + timedelta(days=day, seconds=self.played), **changes
        )
        if finished:
            play_to_the_end(self.store, game, seed=self.played)
        else:
            self.store.write([game])
            for _ in range(5):
                play_next(self.store, self.store.load_game(game.id), "rock", "rock")
        return game.id

    def import_game(self, day: float = 0, kind: str = "human", origin: str = "imported") -> str:
        """Store a whole game in one transaction, as an import does."""
        changes = {
            "id": self._next_id(),
            "created_ts_utc": self._created(day),
            "player_kind": kind,
            "origin": origin,
        }
        changes["is_test"] = int(kind == "test")
        with self.engine.begin() as connection:
            copy_game(connection, "template", changes)
        return str(changes["id"])

    def newest_round(self) -> int:
        """Return the id of the newest round."""
        with self.engine.connect() as connection:
            return last_round_id(connection)

    def _next_id(self) -> str:
        self.played += 1
        return f"game-{self.played:03d}"

    def _created(self, day: float) -> datetime:
        return START + timedelta(days=day, seconds=self.played)

    def pass_minutes(self, minutes: int = 2) -> None:
        """Let time pass; the sensor that settles rounds looks twice."""
        for _ in range(2):
            self.now += timedelta(minutes=minutes)
            gameplay_counts(self.engine, self.now)

    def train(self, table: FeatureTable = V3) -> tuple[DatasetInfo, list[str]]:
        """Select and assemble; check the dataset against one from the whole store; return it and the changed days."""
        with self.engine.connect() as connection:
            kept = kept_games(select_games(connection, ALL))
            expected = build_dataset(connection, kept, table)
        self.datasets.write_games(kept, kept)
        found, days = assemble(self.engine, self.datasets, table, ALL, self.now, lambda _: None)
        info = describe(found, table.contract, self.features(table))
        self.datasets.write(found, info)
        assert self.datasets.read(info.fingerprint, table.contract).drop("player").equals(expected)
        return info, days


def copy_game(connection: Connection, of: str, changes: dict[str, Any]) -> None:
    """Store a game with the rounds of another one."""
    game = connection.execute(games.select().where(games.c.id == of)).one()._mapping
    rounds = connection.execute(events.select().where(events.c.game_id == of).order_by(events.c.id)).mappings().all()
    connection.execute(games.insert(), {**game, **changes})
    copies = [{name: row[name] for name in row if name != "id"} | {"game_id": changes["id"]} for row in rounds]
    connection.execute(events.insert(), copies)


@pytest.fixture
def house(engine: Engine, tmp_path: Path) -> House:
    return House(engine, tmp_path)


@pytest.mark.parametrize("seed", range(2))
def test_a_dataset_from_the_table_equals_one_from_the_whole_store_whatever_happened_before(
    house: House, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Games arrive in any order and late, some stop or go on, imports bring old games, games vanish or change."""
    random = Random(seed)
    monkeypatch.setattr(features, "ROUNDS_A_PORTION", random.choice([7, 40, 10_000]))
    monkeypatch.setattr(features, "GAMES_A_PORTION", random.choice([2, 10_000]))
    monkeypatch.setattr(feature_parts, "PARTS_A_DAY", 3)
    known: list[str] = []
    for _ in range(8):
        for _ in range(random.randrange(4)):
            kind = random.choice(["human", "human", "scripted", "test"])
            day = random.choice([-40.0, 0.0, 1.0, 2.0, 29.9])
            if random.random() < 0.3:
                known.append(house.import_game(day, kind))
            else:
                known.append(house.play(day, finished=random.random() < 0.7, player_kind=kind))
        some = random.choice(known or [house.play()])
        if random.random() < 0.3 and house.store.load_game(some).finished_at is None:
            play_next(house.store, house.store.load_game(some), "paper", "scissors")
        if random.random() < 0.2:
            with house.engine.begin() as connection:
                connection.execute(events.delete().where(events.c.game_id == some))
        if random.random() < 0.2:
            with house.engine.begin() as connection:
                connection.execute(update(games).where(games.c.id == some).values(easy_mode=1))
        house.pass_minutes(random.choice([0, 2]))
        house.train(random.choice([V2, V3, V3]))


def test_a_late_game_becomes_a_further_part_of_its_day_and_the_rest_is_not_written_again(house: House) -> None:
    house.play(0), house.play(1)
    house.pass_minutes()
    assert house.train()[1] == ["2026-11-01", "2026-11-02"]
    before = house.features().index().parts
    house.import_game(0)
    house.pass_minutes()
    assert house.train()[1] == ["2026-11-01"]
    after = house.features().index().parts
    assert after[: len(before)] == before
    assert [(part.day, part.games) for part in after[len(before) :]] == [("2026-11-01", 1)]
    assert house.train()[1] == []
    assert house.features().index().parts == after


def test_running_games_are_in_the_dataset_but_not_in_the_table(house: House) -> None:
    house.play(0), house.play(29.999, finished=False)
    house.pass_minutes()
    info, days = house.train()
    assert (info.games, days) == (2, ["2026-11-01"])
    assert sum(part.games for part in house.features().index().parts) == 1
    # A day later nobody expects the game to go on.
    house.now += timedelta(days=1)
    assert house.train()[1] == ["2026-12-01"]


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_game_that_was_committed_late_is_neither_lost_nor_counted_twice(house: House) -> None:
    house.play(0)
    with house.engine.connect() as slow:
        # Takes its ids now and commits after later rounds were stored.
        copy_game(slow, "game-001", {"id": "late"})
        house.play(1)
        house.train()
        slow.commit()
    assert house.train()[0].games == 3
    house.pass_minutes()
    assert house.train()[0].games == 3
    assert sum(part.games for part in house.features().index().parts) == 3


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_run_killed_before_or_after_any_write_is_completed_by_the_next_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "ROUNDS_A_PORTION", 20)
    write = ObjectFolder.write
    for last in range(12):
        house.play(last % 3)
        house.pass_minutes()
        left = [last % 6]

        def killed(folder: ObjectFolder, name: str, data: bytes, left: list[int] = left) -> None:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            write(folder, name, data)

        with monkeypatch.context() as patch:
            patch.setattr(ObjectFolder, "write", killed)
            with contextlib.suppress(KeyboardInterrupt):
                bring_up_to_date(house.engine, house.features(), V3, house.now, lambda _: None)
        if last % 6 == 5:
            house.train()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("run", ["training", "backfill"])
def test_a_run_that_is_overtaken_by_a_training_keeps_what_that_added(
    house: House, monkeypatch: pytest.MonkeyPatch, run: str
) -> None:
    house.play(0), house.play(1)
    house.pass_minutes()
    if run == "backfill":
        house.train()
    write_file = FeatureFolder.write_file

    def overtaken(folder: FeatureFolder, *frames: pl.DataFrame) -> Any:
        monkeypatch.setattr(FeatureFolder, "write_file", write_file)
        house.import_game(0)
        house.pass_minutes()
        house.train()
        return write_file(folder, *frames)

    monkeypatch.setattr(FeatureFolder, "write_file", overtaken)
    if run == "backfill":
        rebuild_days(house.engine, house.features(), V3, ["2026-11-01", "2026-11-02"], house.now)
    else:
        bring_up_to_date(house.engine, house.features(), V3, house.now, lambda _: None)
    index = house.features().index()
    assert (len(house.features().games_of(index.parts)), index.watermark) == (3, house.newest_round())


def test_two_backfills_at_once_keep_the_days_of_both(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.play(0), house.play(1)
    house.pass_minutes()
    house.train()
    index = house.features().index()
    house.features().write_index(msgspec.structs.replace(index, parts=()))
    write_index = FeatureFolder.write_index

    def rebuild(day: str) -> None:
        rebuild_days(house.engine, house.features(), V3, [day], house.now)

    other = Thread(target=rebuild, args=["2026-11-02"])

    def interrupted(folder: FeatureFolder, changed: FeatureIndex) -> None:
        monkeypatch.setattr(FeatureFolder, "write_index", write_index)
        other.start()
        # Long enough for the other one to end if nothing held it.
        other.join(0.5)
        write_index(folder, changed)

    monkeypatch.setattr(FeatureFolder, "write_index", interrupted)
    rebuild("2026-11-01")
    other.join()
    assert {part.day for part in house.features().index().parts} == {"2026-11-01", "2026-11-02"}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_compaction_changes_neither_the_version_of_a_day_nor_a_fingerprint(house: House) -> None:
    versions = []
    for number in range(PARTS_A_DAY + 1):
        house.play(0)
        house.pass_minutes()
        info, _ = house.train()
        index = house.features().index()
        versions.append(house.features().versions(index, ["2026-11-01"])["2026-11-01"])
        assert len(index.parts) == (number + 1 if number < PARTS_A_DAY else 1)
    rebuild_days(house.engine, house.features(), V3, ["2026-11-01"], house.now)
    index = house.features().index()
    assert house.features().versions(index, ["2026-11-01"])["2026-11-01"] == versions[-1]
    assert house.train()[0].fingerprint == info.fingerprint

    # The files of the small parts go as soon as no dataset names them, and not a moment too soon.
    folder = Path(str(house.features()).removeprefix("file://"))
    later = datetime.now(UTC) + timedelta(hours=2)
    before = len(list(folder.iterdir()))
    house.datasets.prune((), V3.contract, later - timedelta(hours=2))
    assert len(list(folder.iterdir())) == before
    few = DatasetFolder(house.datasets._folder, kept=1)
    few.prune((), V3.contract, later)
    assert len(list(folder.iterdir())) == 3
    assert len(few.read(info.fingerprint, V3.contract)) == info.examples


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_day_is_computed_again_on_demand_after_its_file_was_damaged(house: House) -> None:
    house.play(0), house.play(1)
    house.pass_minutes()
    info, _ = house.train()
    folder = Path(str(house.features()).removeprefix("file://"))
    for file in folder.glob("*.parquet"):
        file.write_bytes(b"damaged")
    with pytest.raises(FeaturesError, match="materialise its days of training/features again"):
        house.datasets.read(info.fingerprint, V3.contract)
    rebuild_days(house.engine, house.features(), V3, ["2026-11-01", "2026-11-02"], house.now)
    assert house.train()[0] == info


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_damaged_game_stops_only_a_dataset_that_selects_it(house: House) -> None:
    broken = house.play(0, player_kind="human")
    house.play(1)
    with house.engine.begin() as connection:
        connection.execute(events.delete().where(events.c.game_id == broken, events.c.step_no == 2))
    house.pass_minutes()
    assert bring_up_to_date(house.engine, house.features(V2), V2, house.now, lambda _: None) == ["2026-11-02"]
    with pytest.raises(ValueError, match=f"the rounds of game {broken} are not 1, 2, 3"):
        house.train(V2)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_table_of_a_store_that_was_restored_is_built_from_the_start(house: House) -> None:
    """The table knows a later state, in which the same rounds belonged to other games."""
    house.play(0), house.play(1)
    house.pass_minutes()
    house.train()
    index = house.features().index()
    for change in ({"watermark": 1_000}, {"watermark_game": "another"}, {"counting": "another"}):
        house.features().write_index(msgspec.structs.replace(index, parts=(), **change))
        assert house.train()[1] == ["2026-11-01", "2026-11-02"]
        assert house.features().index() == index


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_examples_of_a_prior_are_weighted_named_by_the_fingerprint_and_counted_apart(house: House) -> None:
    house.play(0), house.play(1)
    house.pass_minutes()
    plain, _ = house.train()
    with house.engine.connect() as connection:
        kept = kept_games(select_games(connection, ALL))
        examples = build_dataset(connection, kept, V3)
    prior_ids = [f"person-{number}" for number in range(len(kept))]
    renamed = pl.col("game_id").replace_strict(kept["game_id"].to_list(), prior_ids)
    prior = kept.with_columns(renamed, player_kind=pl.lit("simulated"), player="player_name")
    house.datasets.write_prior(prior, examples.with_columns(renamed).drop("created_at", "player_kind"), V3.contract)
    found = house.datasets.read_prior(V3.contract)
    assert found is not None
    own, _ = assemble(house.engine, house.datasets, V3, ALL, house.now, lambda _: None)
    fingerprints = {plain.fingerprint}
    for weight in (0.5, 0.25):
        weighted = found.with_columns(weight=pl.lit(weight)).select(own.columns)
        info = describe(pl.concat([weighted, own]), V3.contract, house.features())
        house.datasets.write(pl.concat([weighted, own]), info)
        frame = house.datasets.read(info.fingerprint, V3.contract)
        assert (info.games, info.examples, info.prior_examples) == (2, 2 * plain.examples, plain.examples)
        assert frame["weight"].to_list() == [weight] * plain.examples + [1.0] * plain.examples
        fingerprints.add(info.fingerprint)
    assert len(fingerprints) == 3
    # Found again after everything that nothing names was deleted.
    house.datasets.prune((), V3.contract, datetime.now(UTC) + timedelta(hours=2))
    assert len(house.datasets.read(info.fingerprint, V3.contract)) == info.examples


def test_a_fingerprint_can_be_computed_from_the_hashes_of_the_games() -> None:
    import hashlib

    listed = pl.DataFrame({"game_id": ["a", "b"], "examples": [2, 1], "hash": [b"x", b"y"], "weight": [1.0, 0.5]})
    canonical = f"rps-features 3 {V3.contract.digest} 3\na 1.0\n".encode() + b"xb 0.5\ny"
    assert fingerprint_of_games(listed, V3.contract) == hashlib.sha256(canonical).hexdigest()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_people_who_play_lower_the_weight_of_simulated_people_and_recordings_do_not(house: House) -> None:
    """Recordings show no values, and models that learn mostly from them forget what values do."""
    house.play(0)
    learning = ALL.model_copy(update={"training_simulated_games": 20, "training_include_recordings": True})

    def weight_of_the_prior() -> float:
        with house.engine.connect() as connection:
            kept = kept_games(select_games(connection, learning))
        house.datasets.write_games(kept, kept)
        games, _ = assemble(house.engine, house.datasets, V3, learning, house.now, lambda _: None)
        return float(games["weight"].min())

    first = weight_of_the_prior()
    assert 0.9 < first < 1
    house.import_game(origin="recording")
    assert weight_of_the_prior() == first
    house.import_game()
    assert weight_of_the_prior() < first
