"""`export-rounds`: the rounds of the store as a file that `import-rounds` reads back without a loss."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Select, select
from sqlalchemy.exc import DBAPIError

from rps_core.errors import DataFileError, StoreError
from rps_core.importers.columns import COLUMN_NAMES, ROUND_FILE_COLUMNS
from rps_core.importers.files import require_writable
from rps_core.importers.round_files import ROWS_PER_BATCH, import_pyarrow, require_suffix, write_csv, write_parquet
from rps_core.store.schema import events, games

_FLAGS = tuple(column.name for column in ROUND_FILE_COLUMNS if column.kind == "flag")
_SOURCES = {
    "game_id": games.c.id,
    "round": events.c.step_no,
    "player_move": events.c.user_move,
    "bot_move": events.c.bot_move,
    "result": events.c.result,
    "rock_pts": events.c.round_rock_pts,
    "paper_pts": events.c.round_paper_pts,
    "scissors_pts": events.c.round_scissors_pts,
    "user_score": events.c.user_score,
    "bot_score": events.c.bot_score,
    "event_ts": events.c.ts,
    "probability_source": events.c.probability_source,
    "created_at": games.c.created_ts_utc,
    "finished_at": games.c.finished_ts,
    "winner": games.c.winner,
    "origin": games.c.origin,
    "session_id": games.c.session_id,
    "player_name": games.c.player_name,
    "player_kind": games.c.player_kind,
    "bot_policy": games.c.bot_policy,
    "model_alias": games.c.bot_model_alias,
    "model_version": games.c.bot_model_version,
    "model_run_id": games.c.bot_model_run_id,
    "model_switched": games.c.model_switched,
    "opening_name": games.c.opening_name,
    "opening_seq": games.c.opening_seq,
    "easy_mode": games.c.easy_mode,
}


def select_export() -> Select[Any]:
    """Select the columns of a file of rounds, unordered; `exported_row` turns a row into what a file holds."""
    return select(*(_SOURCES[name].label(name) for name in COLUMN_NAMES)).select_from(games.join(events))


def exported_row(row: Any) -> dict[str, Any]:
    """Return a row of `select_export` by column name, with flags as booleans."""
    values = dict(row._mapping)
    return values | {name: bool(values[name]) for name in _FLAGS}


def export_rounds(engine: Engine, path: Path, *, overwrite: bool = False) -> int:
    """Write all rounds, games in order of creation, and return how many there are.

    The file appears only when it is complete.

    Args:
        engine: the gameplay store, migrated.
        path: file to write; .csv or .parquet decides the format.
        overwrite: replace a file that stands there.

    Raises:
        DataFileError: the path cannot be written, or its format needs a library that is not installed.
        StoreError: the gameplay database refused.
    """
    suffix = require_suffix(path)
    require_writable(path, overwrite=overwrite)
    if suffix == ".parquet":
        import_pyarrow()
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    written = _Counted(_batches(engine))
    try:
        (write_parquet if suffix == ".parquet" else write_csv)(partial, written)
        partial.replace(path)
    except OSError as error:
        raise DataFileError(f"{path} cannot be written: {error.strerror}") from error
    except DBAPIError as error:
        raise StoreError(f"the gameplay database cannot be read: {error.orig}") from error
    finally:
        partial.unlink(missing_ok=True)
    return written.rows


class _Counted:
    """Batches of rows, counted as they pass."""

    def __init__(self, batches: Iterator[Sequence[dict[str, Any]]]) -> None:
        self._batches = batches
        self.rows = 0

    def __iter__(self) -> Iterator[Sequence[dict[str, Any]]]:
        for batch in self._batches:
            self.rows += len(batch)
            yield batch


def _batches(engine: Engine) -> Iterator[Sequence[dict[str, Any]]]:
    query = select_export().order_by(games.c.created_ts_utc, games.c.id, events.c.step_no)
    with engine.connect().execution_options(yield_per=ROWS_PER_BATCH) as connection:
        for partition in connection.execute(query).partitions():
            yield [exported_row(row) for row in partition]
