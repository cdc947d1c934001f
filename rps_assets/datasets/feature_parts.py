"""The feature table as files: Parquet parts of whole games, partitioned by day, one folder for each contract.

<folder>/features/<contract>/index.json             live parts, and how far the table follows the store; written last
features/<contract>/<file>.parquet         examples of games: round_no, the contract's columns, label
features/<contract>/<file>.games.parquet   the games of the file, see `GAME_COLUMNS`

A part is what one file holds of one day; a day of late games has several parts. Files are never changed. Their name is
the hash of their canonical examples, so writing equal examples again changes nothing. A file that the index no longer
names stays until no dataset names it either.
"""

import io
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import numpy as np
import polars as pl

from rps_assets.datasets.canonical import game_hashes, hash_of_games
from rps_core.errors import RpsError
from rps_core.features.contract import FeatureContract
from rps_core.game.moves import MOVES
from rps_core.object_folder import ObjectFolder

FOLDER = "features"
INDEX_FILE = "index.json"
SUFFIX, GAMES_SUFFIX = ".parquet", ".games.parquet"
MAX_FILE_BYTES = 4_000_000_000
# A day with more parts than this is rewritten as one part, unless it has more examples.
PARTS_A_DAY, MAX_COMPACTED_EXAMPLES = 8, 200_000
# Longer than any step takes between writing a file and naming it.
GRACE = timedelta(hours=1)
# A reader of a few games decodes whole groups.
ROWS_A_GROUP = 50_000
LABELS = tuple(f"label_{move}" for move in MOVES)
GAME_COLUMNS: dict[str, Any] = {
    "game_id": pl.String,
    "created_at": pl.Datetime("us", "UTC"),
    "examples": pl.Int64,
    **dict.fromkeys(LABELS, pl.Int64),
    "hash": pl.Binary,
}
NO_GAMES = pl.DataFrame(schema=GAME_COLUMNS)


class FeaturesError(RpsError):
    """A part of the feature table is missing or damaged."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds of one day.

    Attributes:
        day: creation day of the games, UTC, like 2026-11-28.
        file: name of the file without its suffix.
        first_game: position of the day's first game in the file.
        hash: over the canonical examples of the games, see `canonical.hash_of_games`.
    """

    day: str
    file: str
    first_game: int
    games: int
    examples: int
    hash: str


class FeatureIndex(msgspec.Struct, frozen=True, kw_only=True):
    """The live parts of a table.

    Attributes:
        counting: identifies the history of the store (`rps_core.store.play_counts.SettledRounds`).
        watermark: every game that ended up to this round, and was not a test, is in the table.
        watermark_game: game of that round, by which a store that was restored shows.
        parts: oldest first; if two parts hold a game, the later one counts.
    """

    counting: str = ""
    watermark: int = 0
    watermark_game: str | None = None
    parts: tuple[Part, ...] = ()

    def of_day(self, day: str) -> tuple[Part, ...]:
        """Return the parts of a day."""
        return tuple(part for part in self.parts if part.day == day)

    def from_day(self, day: str) -> tuple[Part, ...]:
        """Return the parts of a day and of later days."""
        return tuple(part for part in self.parts if part.day >= day)

    def with_day(self, day: str, parts: tuple[Part, ...]) -> "FeatureIndex":
        """Return an index in which a day has these parts and no others."""
        others = tuple(part for part in self.parts if part.day != day)
        return msgspec.structs.replace(self, parts=(*others, *parts))


class WrittenFile(NamedTuple):
    """A file that was just written: its name, the parts it holds, and its games with the place of their rows."""

    name: str
    parts: tuple[Part, ...]
    games: pl.DataFrame


class FeatureFolder:
    """Reads and writes the feature table of one contract."""

    def __init__(self, folder: ObjectFolder, contract: FeatureContract) -> None:
        self._folder = folder
        self.path = f"{FOLDER}/{contract.name}-{contract.version}-{contract.digest[:12]}"
        self._contract = contract

    def __str__(self) -> str:
        return f"{self._folder}/{self.path}"

    def index(self) -> FeatureIndex:
        """Return the index; an empty one if it is missing or damaged, so that the table is built again."""
        try:
            found = self._folder.read(f"{self.path}/{INDEX_FILE}", MAX_FILE_BYTES)
            return msgspec.json.decode(found, type=FeatureIndex)
        except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
            return FeatureIndex()

    def write_index(self, index: FeatureIndex) -> None:
        """Replace the index."""
        self._folder.write(f"{self.path}/{INDEX_FILE}", msgspec.json.encode(index))

    def write_file(self, games: pl.DataFrame, examples: pl.DataFrame) -> WrittenFile:
        """Write the examples of whole games to a file; no index names it yet.

        Args:
            games: game_id, created_at; ordered by creation, then by id.
            examples: game_id, round_no, the columns of the contract, label; in the order of the games. Games without
                an example are left out.
        """
        counts = examples.group_by("game_id", maintain_order=True).agg(
            examples=pl.len().cast(pl.Int64),
            **{name: (pl.col("label") == label).sum().cast(pl.Int64) for label, name in enumerate(LABELS)},
        )
        hashes = game_hashes(examples, counts["examples"], self._contract)
        described = (
            counts.with_columns(pl.col("game_id").cast(pl.String), pl.Series("hash", hashes, dtype=pl.Binary))
            .join(games.select("game_id", "created_at"), on="game_id", how="left", maintain_order="left")
            .select(*GAME_COLUMNS)
        )
        name = hash_of_games(described["game_id"], hashes)
        # Files are written also if they exist: a fresh file is safe from a run that deletes old ones meanwhile.
        self._write(f"{name}{SUFFIX}", examples.drop("game_id"))
        self._write(f"{name}{GAMES_SUFFIX}", described)
        return WrittenFile(name, _parts_of(name, described), _placed(described, name))

    def games_of(self, parts: Iterable[Part]) -> pl.DataFrame:
        """Return the games of parts with the place of their rows; of a game in two parts, the row of the later part.

        Returns:
            game_id, created_at, examples, the counts of `LABELS`, hash, file, first_row; in no particular order.
        """
        files: dict[str, pl.DataFrame] = {}
        found = [_placed(NO_GAMES, "")]
        for part in parts:
            if part.file not in files:
                files[part.file] = _placed(self._read_games(part.file), part.file)
            found.append(files[part.file].slice(part.first_game, part.games))
        return pl.concat(found).unique("game_id", keep="last", maintain_order=True)

    def examples_of(self, games: pl.DataFrame) -> pl.DataFrame:
        """Return the examples of games in the order of the games.

        Args:
            games: game_id, file, first_row, examples.

        Returns:
            game_id, round_no, the columns of the contract (Float64), label (Int8).

        Raises:
            FeaturesError: a file is missing or damaged.
        """
        if not len(games):
            return self.no_examples()
        counts, first_rows = games["examples"].to_numpy(), games["first_row"].to_numpy()
        owners = np.repeat(np.arange(len(games)), counts)
        rows = np.arange(len(owners)) + np.repeat(first_rows - (counts.cumsum() - counts), counts)
        names = games["file"].unique(maintain_order=True)
        files = games["file"].replace_strict(names, np.arange(len(names))).to_numpy()[owners]
        pieces, places = [], []
        for number, name in enumerate(names):
            place = np.flatnonzero(files == number)
            own = rows[place]
            found = self._read_examples(name, int(own.min()), int(own.max() - own.min() + 1))
            is_whole = len(found) == len(own) and bool((np.diff(own) == 1).all())
            pieces.append(found if is_whole else found[own - own.min()])
            places.append(place)
        order = np.concatenate(places)
        together = pl.concat(pieces)
        examples = together if len(pieces) == 1 else together[order.argsort()]
        return examples.select(games["game_id"][owners], pl.all())

    def no_examples(self) -> pl.DataFrame:
        """Return a frame without examples, with the columns of `examples_of`."""
        number = {"game_id": pl.String, "round_no": pl.Int64}
        return pl.DataFrame(schema={**number, **dict.fromkeys(self._contract.columns, pl.Float64), "label": pl.Int8})

    def versions(self, index: FeatureIndex, days: Collection[str]) -> dict[str, tuple[str, int, int]]:
        """Return hash, games and examples of each day; the hash does not depend on how many parts the day has."""
        games = self.games_of(part for part in index.parts if part.day in days).sort("created_at", "game_id")
        found = {str(day): of_day for (day,), of_day in games.group_by(day_of(pl.col("created_at")))}
        return {
            day: (hash_of_games(of_day["game_id"], of_day["hash"]), len(of_day), int(of_day["examples"].sum()))
            for day in sorted(days)
            for of_day in [found.get(day, games.clear())]
        }

    def compacted(self, index: FeatureIndex, days: Iterable[str]) -> FeatureIndex:
        """Return an index in which none of the days has many small parts; the files of the old parts stay."""
        for day in days:
            parts = index.of_day(day)
            if len(parts) > PARTS_A_DAY and sum(part.examples for part in parts) <= MAX_COMPACTED_EXAMPLES:
                games = self.games_of(parts).sort("created_at", "game_id")
                index = index.with_day(day, self.write_file(games, self.examples_of(games)).parts)
        return index

    def _read_games(self, file: str) -> pl.DataFrame:
        with self._damage_named(file):
            return pl.read_parquet(self._folder.source(f"{self.path}/{file}{GAMES_SUFFIX}", MAX_FILE_BYTES))

    def _read_examples(self, file: str, first_row: int, rows: int) -> pl.DataFrame:
        with self._damage_named(file):
            source = self._folder.source(f"{self.path}/{file}{SUFFIX}", MAX_FILE_BYTES)
            return pl.scan_parquet(source).slice(first_row, rows).collect()

    def _write(self, name: str, frame: pl.DataFrame) -> None:
        buffer = io.BytesIO()
        # The default level takes a quarter more time and saves nothing.
        frame.write_parquet(buffer, row_group_size=ROWS_A_GROUP, compression_level=1, statistics=False)
        self._folder.write(f"{self.path}/{name}", buffer.getvalue())

    @contextmanager
    def _damage_named(self, file: str) -> Iterator[None]:
        try:
            yield
        except (pl.exceptions.PolarsError, OSError) as error:
            raise FeaturesError(
                f"{self}/{file} is missing or damaged ({error}); materialise its days of training/features again"
            ) from error


def _parts_of(file: str, games: pl.DataFrame) -> tuple[Part, ...]:
    """Return a part for each day of a file's games, which are in order of creation."""
    days = games.with_columns(day=day_of(pl.col("created_at"))).with_row_index("position")
    return tuple(
        Part(
            day=str(day),
            file=file,
            first_game=int(of_day["position"][0]),
            games=len(of_day),
            examples=int(of_day["examples"].sum()),
            hash=hash_of_games(of_day["game_id"], of_day["hash"]),
        )
        for (day,), of_day in days.group_by("day", maintain_order=True)
    )


def delete_unnamed_files(
    folder: ObjectFolder, contract: FeatureContract, named: Collection[str], now: datetime
) -> None:
    """Delete files of feature tables that are not `named` and older than `GRACE`.

    The files that the index of `contract` names stay. Tables of other contracts go as soon as nothing names them.
    """
    current = FeatureFolder(folder, contract)
    kept = {*named, *(part.file for part in current.index().parts)}
    for table in folder.names(FOLDER):
        path = f"{FOLDER}/{table}"
        names = folder.names(path)
        unnamed = [name for name in names if name != INDEX_FILE and name.partition(".")[0] not in kept]
        if path != current.path and len(unnamed) == len(names) - 1:
            # First of all, so that no index names a file that is gone.
            unnamed.insert(0, INDEX_FILE)
        for name in unnamed:
            if folder.written_at(f"{path}/{name}") < now - GRACE:
                folder.delete(f"{path}/{name}")


def day_of(created_at: pl.Expr) -> pl.Expr:
    """Return the day of a creation time in UTC, like 2026-11-28."""
    return created_at.dt.strftime("%Y-%m-%d")


def _placed(games: pl.DataFrame, file: str) -> pl.DataFrame:
    return games.with_columns(file=pl.lit(file), first_row=pl.col("examples").cum_sum() - pl.col("examples"))
