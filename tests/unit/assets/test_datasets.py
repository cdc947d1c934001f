"""The identity of a dataset, and the folder that keeps the newest datasets."""

import hashlib
import struct
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from rps_assets.datasets import dataset_folder
from rps_assets.datasets.canonical import fingerprint_of_examples as fingerprint_of
from rps_assets.datasets.dataset_folder import DatasetError, DatasetFolder
from rps_core.features.contract import CONTRACT_V2
from rps_core.object_folder import ObjectFolder
from tests.builders.datasets import write_dataset

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def example_frame(rows: int = 4, first: int = 0) -> pl.DataFrame:
    columns = {
        name: [float(index) / 8 + row + first for row in range(rows)] for index, name in enumerate(CONTRACT_V2.columns)
    }
    return pl.DataFrame(
        {
            "game_id": [f"game-{row // 2}" for row in range(rows)],
            "created_at": [datetime(2026, 11, 1, row // 2, tzinfo=UTC) for row in range(rows)],
            "player_kind": ["human" if row < 2 else "scripted" for row in range(rows)],
            "round_no": [4 + row % 2 for row in range(rows)],
            **columns,
            "label": pl.Series([row % 3 for row in range(rows)], dtype=pl.Int8),
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> DatasetFolder:
    return DatasetFolder(ObjectFolder.open(f"file://{tmp_path}/datasets"))


def written(folder: DatasetFolder, first: int) -> dataset_folder.DatasetInfo:
    return write_dataset(folder, example_frame(first=first), CONTRACT_V2)[0]


def test_the_fingerprint_can_be_computed_without_polars_or_numpy() -> None:
    frame = example_frame()
    canonical = f"rps-features 2 {CONTRACT_V2.digest} 4\n".encode()
    canonical += b"game-0\ngame-0\ngame-1\ngame-1\n"
    canonical += struct.pack("<4q", 4, 5, 4, 5)
    canonical += b"".join(struct.pack("<50d", *(index / 8 + row for index in range(50))) for row in range(4))
    canonical += struct.pack("4b", 0, 1, 2, 0)
    assert fingerprint_of(frame, CONTRACT_V2) == hashlib.sha256(canonical).hexdigest()


def test_the_fingerprint_never_changes_for_the_same_examples() -> None:
    # The fingerprint contains the digest of the contract, so it changes with the contract.
    assert fingerprint_of(example_frame(), CONTRACT_V2) == (
        "142909a272bdd8ea43a33af37ee786d58e62fb2bf14ff2409a301a50924bbe52"
    )


def test_zero_and_minus_zero_are_the_same_example() -> None:
    frame = example_frame().with_columns(score_diff=pl.lit(0.0))
    negative = frame.with_columns(score_diff=pl.lit(-0.0))
    assert fingerprint_of(frame, CONTRACT_V2) == fingerprint_of(negative, CONTRACT_V2)


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.reverse(),
        lambda frame: frame.head(3),
        lambda frame: frame.with_columns(label=(pl.col("label") + 1) % 3),
        lambda frame: frame.with_columns(game_id=pl.col("game_id") + "x"),
        lambda frame: frame.with_columns(round_no=pl.col("round_no") + 1),
        lambda frame: frame.with_columns(step_no=pl.col("step_no") + 1e-12),
    ],
    ids=["order", "row", "label", "game", "round", "feature"],
)
def test_any_change_of_an_example_changes_the_fingerprint(change: object) -> None:
    frame = example_frame()
    assert fingerprint_of(change(frame), CONTRACT_V2) != fingerprint_of(frame, CONTRACT_V2)  # type: ignore[operator]


def test_another_contract_gives_another_fingerprint() -> None:
    other = CONTRACT_V2._replace(version=1)
    assert fingerprint_of(example_frame(), other) != fingerprint_of(example_frame(), CONTRACT_V2)


def test_a_written_dataset_is_read_back_equal(folder: DatasetFolder) -> None:
    info = written(folder, 0)
    assert folder.latest() == info
    assert folder.read(info.fingerprint, CONTRACT_V2).drop("player").equals(example_frame())
    assert (info.games, info.human_games, info.scripted_games, info.label_counts) == (2, 1, 1, (2, 1, 1))


def test_writing_the_same_examples_again_makes_no_new_dataset(folder: DatasetFolder) -> None:
    written(folder, 0)
    assert write_dataset(folder, example_frame(), CONTRACT_V2)[1] is False


def test_errors_of_missing_and_damaged_files_say_what_to_do(folder: DatasetFolder, tmp_path: Path) -> None:
    assert folder.latest() is None
    with pytest.raises(DatasetError, match="materialise training/dataset first"):
        folder.read_latest(CONTRACT_V2)
    info = written(folder, 0)
    (tmp_path / "datasets" / f"{info.fingerprint}.parquet").unlink()
    with pytest.raises(DatasetError, match="is missing; materialise training/dataset again"):
        folder.read(info.fingerprint, CONTRACT_V2)
    (tmp_path / "datasets" / "latest.json").write_text("{")
    with pytest.raises(DatasetError, match="is damaged"):
        folder.latest()
    assert write_dataset(folder, example_frame(), CONTRACT_V2)[1] is True


def test_only_old_datasets_that_trained_no_cached_model_are_pruned(tmp_path: Path) -> None:
    folder = DatasetFolder(ObjectFolder.open(f"file://{tmp_path}/datasets"), kept=2)
    infos = [written(folder, first) for first in range(4)]
    folder.write_games(example_frame(), example_frame())
    assert folder.prune({infos[0].fingerprint}, CONTRACT_V2, NOW) == [infos[1].fingerprint]
    left = {path.name for path in (tmp_path / "datasets").iterdir()}
    names = {f"{infos[number].fingerprint}.parquet" for number in (0, 2, 3)}
    assert left == {*names, "candidates.parquet", "games.parquet", "latest.json", "features"}


def test_a_dataset_written_again_counts_as_the_newest(tmp_path: Path) -> None:
    folder = DatasetFolder(ObjectFolder.open(f"file://{tmp_path}/datasets"), kept=2)
    infos = [written(folder, first) for first in (0, 1, 0, 2)]
    assert folder.prune((), CONTRACT_V2, NOW) == [infos[1].fingerprint]
