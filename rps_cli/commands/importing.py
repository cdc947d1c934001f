"""The commands that move games: `rps import-original`, `rps import-rounds` and `rps export-rounds`."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rps_cli.shared import AsJson, Overwrite, align
from rps_core.settings import StorageSettings, load_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from rps_cli.importers import ImportReport

MAX_EXAMPLE_WIDTH = 100

Source = Annotated[Path, typer.Argument(help="File to read; it is never changed.", show_default=False)]
Columns = Annotated[
    list[str] | None,
    typer.Option("--map", help="Your names of our columns, like player_move=choice,bot_move=computer."),
]
Moves = Annotated[list[str] | None, typer.Option(help="Your words for the moves, like 0=rock,1=paper,2=scissors.")]
Delimiter = Annotated[str | None, typer.Option(help="Character between the columns of CSV, or tab.")]
TimeUnit = Annotated[str | None, typer.Option(help="Unit of times since 1970: s, ms, us or ns.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be imported, and write nothing.")]


def import_original(file: Source, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Import games, rounds and promotion decisions from a database of the original system.

    A second import of the same file adds nothing, so you can repeat one that was interrupted. Games that break the
    rules are skipped; the report says why.

    Example: rps import-original old/rps.db --dry-run
    """
    from rps_cli import importers

    _import(lambda engine: importers.import_original(engine, file, dry_run=dry_run), dry_run=dry_run, as_json=as_json)


def import_rounds(
    file: Source,
    dry_run: DryRun = False,
    strict: Annotated[bool, typer.Option("--strict", help="Write nothing if any row, round or game is lost.")] = False,
    columns: Columns = None,
    moves: Moves = None,
    delimiter: Delimiter = None,
    time_unit: TimeUnit = None,
    as_json: AsJson = False,
) -> None:
    """Import recorded rounds from CSV, JSON or Parquet, also packed with gzip.

    `--dry-run` shows what the importer understands and the exact command that imports the file. If columns or codes of
    moves had to be guessed, only that command writes. docs/importing.md lists the columns and three examples.
    Games without points become recordings: they do not count anywhere, and training uses them only with
    TRAINING_INCLUDE_RECORDINGS. Exit code 1 if nothing came in, or a row or a game was skipped.

    Example: rps import-rounds rounds.csv --dry-run
    """
    from rps_cli import importers

    options = importers.read_options(columns or (), moves or (), delimiter, time_unit)
    report = _import(
        lambda engine: importers.import_rounds(engine, file, dry_run=dry_run, strict=strict, options=options),
        dry_run=dry_run,
        as_json=as_json,
    )
    if not report.is_whole:
        raise typer.Exit(1)


def export_rounds(
    file: Annotated[Path, typer.Argument(help="File to write: .csv or .parquet.", show_default=False)],
    overwrite: Overwrite = False,
) -> None:
    """Write all rounds of the gameplay store to a file that `rps import-rounds` can read.

    Example: rps export-rounds rounds.parquet
    """
    from rps_cli import importers

    with _store(load_settings().storage, dry_run=False) as engine:
        rows = importers.export_rounds(engine, file, overwrite=overwrite)
    typer.echo(f"wrote {rows:,} rounds to {file}")


def _import(run: "Callable[[Engine], ImportReport]", *, dry_run: bool, as_json: bool) -> "ImportReport":
    with _store(load_settings().storage, dry_run=dry_run) as engine:
        report = run(engine)
    typer.echo(json.dumps(report.as_dict(), indent=2) if as_json else render(report))
    return report


@contextmanager
def _store(storage: StorageSettings, *, dry_run: bool) -> "Iterator[Engine]":
    """Open the gameplay store; a dry run neither creates nor migrates one."""
    from sqlalchemy.engine import make_url

    from rps_cli.stores import gameplay_store, sqlite_store

    url = make_url(storage.database_url)
    is_missing = url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file()
    opened = sqlite_store() if dry_run and is_missing else gameplay_store(storage, upgrade=not dry_run)
    with opened as engine:
        yield engine


def render(report: "ImportReport") -> str:
    """Return a report as a table for people."""
    rows = [
        (section, subject, f"{count:,}", _shortened(examples)) for section, subject, count, examples in report.rows()
    ]
    table = align([("", "what", "count", "examples"), *(rows or [("", "nothing", "0", "")])], right=(2,))
    title = f"{report.source}: dry run, nothing was written" if report.dry_run else report.source
    command = [f"  {report.command}"] if report.command and report.dry_run else []
    return "\n".join([title, *report.understood, *table, *report.notes, *command])


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_EXAMPLE_WIDTH else f"{text[: MAX_EXAMPLE_WIDTH - 1]}…"
