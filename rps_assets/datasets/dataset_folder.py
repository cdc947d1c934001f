"""Training datasets as files: their identity, their Parquet form, and the folder that keeps the last few.

<folder>/games.parquet               the games that the last selection kept
<folder>/candidates.parquet          the games that the last selection chose from
<folder>/<fingerprint>.parquet       one dataset; equal examples have the same name
<folder>/latest.json                 describes the newest dataset and lists the last few; written last
"""

import hashlib
import io
from collections.abc import Collection
from datetime import datetime

import msgspec
import numpy as np
import polars as pl

from rps_core.errors import RpsError
from rps_core.features.contract import FeatureContract
from rps_core.object_folder import ObjectFolder

LATEST_FILE = "latest.json"
GAMES_FILE = "games.parquet"
CANDIDATES_FILE = "candidates.parquet"
SUFFIX = ".parquet"
PARQUET_KEY = "rps.dataset"
KEPT_DATASETS = 20
MAX_DATASET_BYTES = 4_000_000_000
ROWS_A_PART = 20_000


class DatasetError(RpsError):
    """A training dataset is missing, damaged, or does not match its fingerprint."""


class DatasetInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Summary of a dataset, stored in `latest.json` and in the metadata of the Parquet file.

    Attributes:
        fingerprint: SHA-256 (hex) of the examples, see `fingerprint_of`.
        examples: number of labelled rounds.
        games: number of games they come from, of which `human_games` and `scripted_games`.
        label_counts: examples per move, in the order rock, paper, scissors.
    """

    fingerprint: str
    contract_name: str
    contract_version: int
    contract_digest: str
    examples: int
    games: int
    human_games: int
    scripted_games: int
    label_counts: tuple[int, int, int]
    first_game_at: datetime
    last_game_at: datetime


class _Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """Content of `latest.json`.

    Attributes:
        recent: fingerprints, newest first.
        before: the newest dataset before `current`; None for the first.
    """

    current: DatasetInfo
    recent: tuple[str, ...]
    before: DatasetInfo | None = None


def fingerprint_of(frame: pl.DataFrame, contract: FeatureContract) -> str:
    """Return the identity of a dataset: SHA-256 (hex) of the contract and the examples in order.

    The canonical form depends neither on Parquet nor on Polars nor on the machine. It is the concatenation of

    - the line ``<contract name> <version> <digest> <number of examples>``,
    - the game ids in UTF-8, each followed by a line feed,
    - the round numbers as little-endian int64,
    - the features row by row as little-endian float64, with -0.0 written as 0.0,
    - the labels as int8.

    Args:
        frame: game_id, round_no, the columns of `contract`, label; in training order.
        contract: the columns to hash.
    """
    digest = hashlib.sha256()
    digest.update(f"{contract.name} {contract.version} {contract.digest} {len(frame)}\n".encode())
    for part in frame.select("game_id").iter_slices(ROWS_A_PART):
        digest.update("".join(f"{game_id}\n" for game_id in part["game_id"]).encode())
    digest.update(np.ascontiguousarray(frame["round_no"].to_numpy(), dtype="<i8").data)
    # Part by part: one array of a million rows takes four hundred megabytes, and several copies would exist.
    for part in frame.select(contract.columns).iter_slices(ROWS_A_PART):
        # Adding 0.0 turns -0.0 into 0.0: equal numbers must hash equal.
        digest.update(np.ascontiguousarray(part.to_numpy(order="c") + 0.0, dtype="<f8").data)
    digest.update(np.ascontiguousarray(frame["label"].to_numpy(), dtype="i1").data)
    return digest.hexdigest()


def describe(frame: pl.DataFrame, contract: FeatureContract) -> DatasetInfo:
    """Return the summary of a dataset frame with at least one example."""
    games = frame.group_by("game_id").agg(pl.col("created_at").first(), pl.col("player_kind").first())
    counts = [int((frame["label"] == label).sum()) for label in range(3)]
    return DatasetInfo(
        fingerprint=fingerprint_of(frame, contract),
        contract_name=contract.name,
        contract_version=contract.version,
        contract_digest=contract.digest,
        examples=len(frame),
        games=len(games),
        human_games=int((games["player_kind"] == "human").sum()),
        scripted_games=int((games["player_kind"] == "scripted").sum()),
        label_counts=(counts[0], counts[1], counts[2]),
        first_game_at=games["created_at"].min(),  # type: ignore[arg-type]  # a column of datetimes
        last_game_at=games["created_at"].max(),  # type: ignore[arg-type]  # a column of datetimes
    )


class DatasetFolder:
    """Reads and writes datasets by fingerprint in one folder, which keeps the last `kept`."""

    def __init__(self, folder: ObjectFolder, kept: int = KEPT_DATASETS) -> None:
        self._folder = folder
        self._kept = kept

    def __str__(self) -> str:
        return str(self._folder)

    def address(self, info: DatasetInfo) -> str:
        """Return the address of the Parquet file of a dataset."""
        return f"{self._folder}/{info.fingerprint}{SUFFIX}"

    def write_games(self, games: pl.DataFrame, candidates: pl.DataFrame) -> None:
        """Store the selected games, from which the next dataset is built, and the candidates they were chosen from."""
        self._folder.write(CANDIDATES_FILE, _to_parquet(candidates, {}))
        self._folder.write(GAMES_FILE, _to_parquet(games, {}))

    def read_candidates(self) -> pl.DataFrame:
        """Return the games that the last selection chose from.

        Raises:
            DatasetError: no games have been selected yet.
        """
        return pl.read_parquet(io.BytesIO(self._read(CANDIDATES_FILE, "materialise training/games first")))

    def read_games(self) -> pl.DataFrame:
        """Return the games of the last selection.

        Raises:
            DatasetError: no games have been selected yet.
        """
        return pl.read_parquet(io.BytesIO(self._read(GAMES_FILE, "materialise training/games first")))

    def write(self, frame: pl.DataFrame, info: DatasetInfo) -> bool:
        """Store a dataset and point `latest.json` to it; return whether the dataset is new."""
        name = f"{info.fingerprint}{SUFFIX}"
        is_new = not self._folder.exists(name)
        if is_new:
            self._folder.write(name, _to_parquet(frame, {PARQUET_KEY: msgspec.json.encode(info).decode()}))
        pointer = _pointer_after(self._sound_pointer(), info, self._kept)
        self._folder.write(LATEST_FILE, msgspec.json.format(msgspec.json.encode(pointer)))
        return is_new

    def latest(self) -> DatasetInfo | None:
        """Return the newest dataset, or None before the first.

        Raises:
            DatasetError: `latest.json` is damaged.
        """
        pointer = self._pointer()
        return pointer.current if pointer else None

    def require_latest(self) -> DatasetInfo:
        """Return the newest dataset.

        Raises:
            DatasetError: no dataset exists yet, or `latest.json` is damaged.
        """
        info = self.latest()
        if info is None:
            raise DatasetError(f"{self._folder} holds no dataset yet; materialise training/dataset first")
        return info

    def read_latest(self, contract: FeatureContract) -> tuple[DatasetInfo, pl.DataFrame]:
        """Return the newest dataset and its frame.

        Raises:
            DatasetError: no dataset exists yet, or its file is missing or does not match its fingerprint.
        """
        info = self.require_latest()
        return info, self.read(info.fingerprint, contract)

    def read(self, fingerprint: str, contract: FeatureContract) -> pl.DataFrame:
        """Return the frame of a dataset after computing its fingerprint again.

        Raises:
            DatasetError: the file is missing, or its examples do not match the fingerprint.
        """
        name = f"{fingerprint}{SUFFIX}"
        frame = pl.read_parquet(io.BytesIO(self._read(name, "materialise training/dataset again")))
        found = fingerprint_of(frame, contract)
        if found != fingerprint:
            raise DatasetError(
                f"{self._folder}/{name} has the fingerprint {found[:12]}…; materialise training/dataset again"
            )
        return frame

    def before_latest(self) -> DatasetInfo | None:
        """Return the dataset before the newest one, if any.

        Raises:
            DatasetError: `latest.json` is damaged.
        """
        pointer = self._pointer()
        return pointer.before if pointer else None

    def prune(self, in_use: Collection[str]) -> list[str]:
        """Delete all datasets except the last ones and those `in_use`; return the deleted fingerprints."""
        self._folder.delete_torn_writes()
        pointer = self._sound_pointer()
        kept = {*(pointer.recent if pointer else ())[: self._kept], *in_use}
        present = {
            name.removesuffix(SUFFIX)
            for name in self._folder.names()
            if name.endswith(SUFFIX) and name not in {GAMES_FILE, CANDIDATES_FILE}
        }
        stale = sorted(present - kept)
        for fingerprint in stale:
            self._folder.delete(f"{fingerprint}{SUFFIX}")
        return stale

    def _sound_pointer(self) -> _Pointer | None:
        try:
            return self._pointer()
        except DatasetError:
            # The next write replaces a damaged list.
            return None

    def _pointer(self) -> _Pointer | None:
        if not self._folder.exists(LATEST_FILE):
            return None
        try:
            return msgspec.json.decode(self._folder.read(LATEST_FILE, 1_000_000), type=_Pointer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DatasetError(
                f"{self._folder}/{LATEST_FILE} is damaged: {error}; materialise training/dataset again"
            ) from error

    def _read(self, name: str, remedy: str) -> bytes:
        try:
            return self._folder.read(name, MAX_DATASET_BYTES)
        except FileNotFoundError as error:
            raise DatasetError(f"{self._folder}/{name} is missing; {remedy}") from error


def _pointer_after(known: _Pointer | None, info: DatasetInfo, kept: int) -> _Pointer:
    """Return the pointer after writing `info`; writing the newest dataset again keeps its predecessor."""
    if known is None:
        return _Pointer(current=info, recent=(info.fingerprint,))
    older = tuple(found for found in known.recent if found != info.fingerprint)
    before = known.before if known.current.fingerprint == info.fingerprint else known.current
    return _Pointer(current=info, recent=(info.fingerprint, *older)[:kept], before=before)


def _to_parquet(frame: pl.DataFrame, metadata: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, metadata=metadata)
    return buffer.getvalue()
