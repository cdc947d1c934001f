"""Training datasets as files: a dataset is a list of games, whose examples are in the parts of the feature table.

<folder>/games.parquet               the games that the last selection kept
<folder>/candidates.parquet          the games that the last selection chose from
<folder>/simulated_people.parquet    the rounds of simulated people, if models learn from them
<folder>/prior.parquet               their games, with the places of their examples in the feature table
<folder>/<fingerprint>.parquet       the games of one dataset; equal examples have the same name
<folder>/latest.json                 describes the newest dataset and lists the last few; written last
<folder>/features/                   the feature table, see `feature_parts`

Datasets of earlier releases hold the examples themselves; they stay readable.
"""

import io
from collections.abc import Collection, Iterator
from datetime import datetime

import msgspec
import numpy as np
import polars as pl

from rps_assets.datasets.canonical import (
    HASHED_BY_GAME,
    fingerprint_of_examples,
    fingerprint_of_games,
    game_hashes,
)
from rps_assets.datasets.feature_parts import LABELS, FeatureFolder, delete_unnamed_files
from rps_core.errors import RpsError
from rps_core.features.contract import FeatureContract
from rps_core.game.players import PlayerKind
from rps_core.object_folder import ObjectFolder

LATEST_FILE = "latest.json"
GAMES_FILE = "games.parquet"
CANDIDATES_FILE = "candidates.parquet"
PRIOR_FILE = "prior.parquet"
SIMULATED_FILE = "simulated_people.parquet"
SUFFIX = ".parquet"
PARQUET_KEY = "rps.dataset"
SIMULATED_KEY = "rps.simulated_people"
KEPT_DATASETS = 20
MAX_DATASET_BYTES = 4_000_000_000
# Examples that are read together: thirty megabytes, and as much again in copies. A group of rows in a file has as many.
EXAMPLES_A_BATCH = 50_000
# Weight of an example that was played.
PLAYED = 1.0
SIMULATED_KIND: PlayerKind = "simulated"


class DatasetError(RpsError):
    """A training dataset is missing, damaged, or does not match its fingerprint."""


class DatasetInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Summary of a dataset, stored in `latest.json` and in the metadata of the Parquet file.

    Attributes:
        fingerprint: SHA-256 (hex), see `rps_assets.datasets.canonical`.
        examples: number of labelled rounds, of which `prior_examples` were not played but come from the prior.
        games: number of played games, of which `human_games` and `scripted_games`.
        prior_games, prior_weight: number of games of the prior, and the weight of each of their examples.
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
    prior_examples: int = 0
    prior_games: int = 0
    prior_weight: float = 0.0


class _Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """Content of `latest.json`.

    Attributes:
        recent: fingerprints, newest first.
        before: the newest dataset before `current`; None for the first.
    """

    current: DatasetInfo
    recent: tuple[str, ...]
    before: DatasetInfo | None = None


def describe(games: pl.DataFrame, contract: FeatureContract, features: FeatureFolder) -> DatasetInfo:
    """Return the summary of a dataset with at least one example of a played game.

    Args:
        games: the games in training order, see `DatasetFolder.write`.
        contract: the contract of the examples.
        features: holds the examples; read only for contracts before `HASHED_BY_GAME`.
    """
    is_prior = is_of_prior(games)
    played, (rock, paper, scissors) = games.filter(~is_prior), (int(games[label].sum()) for label in LABELS)
    if is_hashed_by_game(games, contract):
        fingerprint = fingerprint_of_games(games, contract)
    else:
        fingerprint = fingerprint_of_examples(features.examples_of(games), contract)
    return DatasetInfo(
        fingerprint=fingerprint,
        contract_name=contract.name,
        contract_version=contract.version,
        contract_digest=contract.digest,
        examples=int(games["examples"].sum()),
        games=len(played),
        human_games=int((played["player_kind"] == "human").sum()),
        scripted_games=int((played["player_kind"] == "scripted").sum()),
        label_counts=(rock, paper, scissors),
        first_game_at=played["created_at"].min(),  # type: ignore[arg-type]  # a column of datetimes
        last_game_at=played["created_at"].max(),  # type: ignore[arg-type]  # a column of datetimes
        prior_examples=int(games.filter(is_prior)["examples"].sum()),
        prior_games=int(is_prior.sum()),
        prior_weight=float(games.filter(is_prior)["weight"][0]) if is_prior.any() else 0.0,
    )


def is_of_prior(games: pl.DataFrame) -> pl.Series:
    """Return which games, or examples, were not played but come from the prior."""
    return games["player_kind"] == SIMULATED_KIND


def is_hashed_by_game(games: pl.DataFrame, contract: FeatureContract) -> bool:
    """Return whether the fingerprint of a dataset is over the hashes of its games, instead of all examples."""
    return contract.version >= HASHED_BY_GAME or bool(is_of_prior(games).any())


class DatasetFolder:
    """Reads and writes datasets by fingerprint in one folder, which keeps the last `kept`."""

    def __init__(self, folder: ObjectFolder, kept: int = KEPT_DATASETS) -> None:
        self._folder = folder
        self._kept = kept

    def __str__(self) -> str:
        return str(self._folder)

    def features(self, contract: FeatureContract) -> FeatureFolder:
        """Return the feature table of a contract."""
        return FeatureFolder(self._folder, contract)

    def address(self, info: DatasetInfo) -> str:
        """Return the address of the file of a dataset."""
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

    def write_simulated(self, rounds: pl.DataFrame, version: str) -> None:
        """Replace the rounds of simulated people."""
        self._folder.write(SIMULATED_FILE, _to_parquet(rounds, {SIMULATED_KEY: version}))

    def read_simulated(self, version: str) -> pl.DataFrame | None:
        """Return the rounds of simulated people, or None if there are none of this version."""
        if not self._folder.exists(SIMULATED_FILE):
            return None
        data = self._read(SIMULATED_FILE, "materialise training/simulated_people again")
        found = pl.read_parquet_metadata(io.BytesIO(data)).get(SIMULATED_KEY)
        return pl.read_parquet(io.BytesIO(data)) if found == version else None

    def write_prior(self, games: pl.DataFrame, examples: pl.DataFrame, contract: FeatureContract) -> None:
        """Replace the games of the prior, which datasets may include with a weight.

        Args:
            games: game_id, created_at, player_kind, player; in training order.
            examples: as `FeatureFolder.write_file` takes them.
            contract: the contract of the examples.
        """
        written = self.features(contract).write_file(games, examples).games
        kinds = games.select("game_id", "player_kind", "player")
        prior = written.join(kinds, on="game_id", maintain_order="left").with_columns(contract=pl.lit(contract.digest))
        self._folder.write(PRIOR_FILE, _to_parquet(prior, {}))

    def read_prior(self, contract: FeatureContract) -> pl.DataFrame | None:
        """Return the games of the prior with the columns of `write`, all but the weight; None if there are none."""
        if not self._folder.exists(PRIOR_FILE):
            return None
        prior = pl.read_parquet(io.BytesIO(self._read(PRIOR_FILE, "materialise the prior again")))
        ours = prior.filter(prior["contract"] == contract.digest).drop("contract")
        return ours if len(ours) else None

    def write(self, games: pl.DataFrame, info: DatasetInfo) -> bool:
        """Store a dataset and point `latest.json` to it; return whether the dataset is new.

        Args:
            games: one row per game in training order: the columns of `FeatureFolder.games_of`, player_kind, player, and
                weight, which is `PLAYED` unless the game belongs to a prior.
            info: its summary.
        """
        name = f"{info.fingerprint}{SUFFIX}"
        is_new = not self._folder.exists(name)
        # Written again even if it exists: its files may have been deleted by hand, and `games` names other ones.
        self._folder.write(name, _to_parquet(games, {PARQUET_KEY: msgspec.json.encode(info).decode()}))
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
        """Return the examples of a dataset after computing its fingerprint again.

        Returns:
            game_id, created_at, player_kind, player, round_no, the columns of the contract, label; and weight after
            player, if some examples have another one than `PLAYED`.

        Raises:
            DatasetError: a file is missing, or the examples do not match the fingerprint.
        """
        return pl.concat(list(self.batches(fingerprint, contract)))

    def batches(
        self, fingerprint: str, contract: FeatureContract, at_most: int = EXAMPLES_A_BATCH
    ) -> Iterator[pl.DataFrame]:
        """Yield the examples of a dataset in order, whole games of about `at_most` examples together; see `read`.

        Contracts before `HASHED_BY_GAME` are read as a whole, because their fingerprint is over all examples.

        Raises:
            DatasetError: a file is missing, or the examples do not match the fingerprint.
        """
        found = self._opened(fingerprint, contract)
        if "label" not in found.columns and is_hashed_by_game(found, contract):
            self._require(fingerprint, fingerprint_of_games(found, contract))
            yield from self._batches(found, contract, fingerprint, at_most)
            return
        if "label" not in found.columns:
            found = pl.concat(list(self._batches(found, contract, fingerprint, at_most)))
        self._require(fingerprint, fingerprint_of_examples(found, contract))
        yield from found.iter_slices(at_most)

    def games_of(self, fingerprint: str, contract: FeatureContract) -> pl.DataFrame:
        """Return the games of a dataset in training order: at least game_id, created_at, player_kind, examples.

        Raises:
            DatasetError: the file is missing or has another contract.
        """
        found = self._opened(fingerprint, contract)
        if "label" not in found.columns:
            return found
        rows = found.group_by("game_id", maintain_order=True)
        return rows.agg(pl.col("created_at", "player_kind").first(), examples=pl.len().cast(pl.Int64))

    def read_games_of(self, fingerprint: str, contract: FeatureContract, game_ids: Collection[str]) -> pl.DataFrame:
        """Return the examples of some games of a dataset, as `read`.

        Raises:
            DatasetError: a file is missing, or the examples do not match their hashes.
        """
        found = self._opened(fingerprint, contract)
        chosen = found.filter(found["game_id"].is_in(list(game_ids)))
        if "label" in found.columns:
            return chosen
        return pl.concat(list(self._batches(chosen, contract, fingerprint, EXAMPLES_A_BATCH)))

    def _batches(
        self, games: pl.DataFrame, contract: FeatureContract, fingerprint: str, at_most: int
    ) -> Iterator[pl.DataFrame]:
        features, is_weighted = self.features(contract), bool(is_of_prior(games).any())
        of_game = ("game_id", "created_at", "player_kind", "player", *(("weight",) if is_weighted else ()))
        number = (games["examples"].cum_sum() - games["examples"]) // at_most
        for _, part in games.group_by(number, maintain_order=True):
            examples = features.examples_of(part)
            if game_hashes(examples, part["examples"], contract) != part["hash"].to_list():
                raise DatasetError(
                    f"examples of the dataset {fingerprint[:12]}… do not match their hashes; "
                    "materialise training/features of their days, then training/dataset"
                )
            rows = part.select(of_game)[np.repeat(np.arange(len(part)), part["examples"].to_numpy())]
            yield rows.hstack(examples.drop("game_id"))

    def _opened(self, fingerprint: str, contract: FeatureContract) -> pl.DataFrame:
        """Return the games of a dataset, or the examples of one that an earlier release wrote."""
        data = self._read(f"{fingerprint}{SUFFIX}", "materialise training/dataset again")
        try:
            known = pl.read_parquet_metadata(io.BytesIO(data)).get(PARQUET_KEY)
            found = pl.read_parquet(io.BytesIO(data))
        except pl.exceptions.PolarsError as error:
            raise DatasetError(
                f"{self._folder}/{fingerprint}{SUFFIX} is damaged: {error}; materialise training/dataset again"
            ) from error
        info = msgspec.json.decode(known, type=DatasetInfo) if known else None
        if info is not None and info.contract_digest != contract.digest:
            raise DatasetError(
                f"the dataset {fingerprint[:12]}… has contract {info.contract_version}, not {contract.version}"
            )
        return found

    def _require(self, fingerprint: str, found: str) -> None:
        if found != fingerprint:
            raise DatasetError(
                f"{self._folder}/{fingerprint}{SUFFIX} has the fingerprint {found[:12]}…; "
                "materialise training/dataset again"
            )

    def before_latest(self) -> DatasetInfo | None:
        """Return the dataset before the newest one, if any.

        Raises:
            DatasetError: `latest.json` is damaged.
        """
        pointer = self._pointer()
        return pointer.before if pointer else None

    def prune(self, in_use: Collection[str], contract: FeatureContract, now: datetime) -> list[str]:
        """Delete all datasets except the last ones and those `in_use`; return the deleted fingerprints.

        Files of the feature table that neither its index nor a dataset names are deleted too.
        """
        self._folder.delete_torn_writes()
        pointer = self._sound_pointer()
        kept = {*(pointer.recent if pointer else ())[: self._kept], *in_use}
        present = {
            name.removesuffix(SUFFIX)
            for name in self._folder.names()
            if name.endswith(SUFFIX) and name not in {GAMES_FILE, CANDIDATES_FILE, PRIOR_FILE, SIMULATED_FILE}
        }
        stale = sorted(present - kept)
        for fingerprint in stale:
            self._folder.delete(f"{fingerprint}{SUFFIX}")
        lists = [f"{fingerprint}{SUFFIX}" for fingerprint in present & kept]
        named = self._files_named_by([*lists, PRIOR_FILE] if self._folder.exists(PRIOR_FILE) else lists)
        delete_unnamed_files(self._folder, contract, named, now)
        return stale

    def _files_named_by(self, lists: Collection[str]) -> set[str]:
        """Return the files of the feature table that hold the games of these lists."""
        named: set[str] = set()
        for name in lists:
            games = pl.scan_parquet(self._folder.source(name, MAX_DATASET_BYTES))
            if "file" in games.collect_schema():
                named.update(games.select(pl.col("file").unique()).collect()["file"])
        return named

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
    frame.write_parquet(buffer, metadata=metadata, compression_level=1)
    return buffer.getvalue()
