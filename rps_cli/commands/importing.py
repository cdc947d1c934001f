"""The commands that move games: `rps import-original`, `rps import-rounds` and `rps export-rounds`."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rps_core.settings import Settings, load_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from rps_cli.importers import ImportReport

MAX_EXAMPLE_WIDTH = 100

Source = Annotated[Path, typer.Argument(help="File to read; it is never changed.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Tell what would happen and write nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write the report as JSON.")]


def import_original(file: Source, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Bring games, rounds and promotion decisions of an original database into the gameplay store.

    Running it twice adds nothing, and one that was killed can simply be run again. Games that contradict the rules stay
    out; the report says why.

    Example: rps import-original old/rps.db --dry-run
    """
    from rps_cli import importers

    _import(lambda engine: importers.import_original(engine, file, dry_run=dry_run), dry_run=dry_run, as_json=as_json)


def import_rounds(file: Source, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Bring recorded rounds of games, CSV or Parquet, into the gameplay store.

    Needed are the columns game_id, round, player_move and bot_move; docs/importing.md lists the others. Games without
    points become recordings: they train where TRAINING_INCLUDE_RECORDINGS asks for it, and count nowhere.

    Example: rps import-rounds rounds.csv
    """
    from rps_cli import importers

    _import(lambda engine: importers.import_rounds(engine, file, dry_run=dry_run), dry_run=dry_run, as_json=as_json)


def export_rounds(
    file: Annotated[Path, typer.Argument(help="File to write: .csv or .parquet.", show_default=False)],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that stands there.")] = False,
) -> None:
    """Write all rounds of the gameplay store to a file that `rps import-rounds` reads back.

    Example: rps export-rounds rounds.parquet
    """
    from rps_cli import importers

    with _store(load_settings(), dry_run=False) as engine:
        rows = importers.export_rounds(engine, file, overwrite=overwrite)
    typer.echo(f"wrote {rows:,} rounds to {file}")


def _import(run: "Callable[[Engine], ImportReport]", *, dry_run: bool, as_json: bool) -> None:
    with _store(load_settings(), dry_run=dry_run) as engine:
        report = run(engine)
    typer.echo(json.dumps(report.as_dict(), indent=2) if as_json else render(report))


@contextmanager
def _store(settings: Settings, *, dry_run: bool) -> "Iterator[Engine]":
    """Open the gameplay store; a dry run neither creates nor migrates one."""
    from sqlalchemy.engine import make_url

    from rps_core.store import open_engine, upgrade_store

    url = make_url(settings.storage.database_url)
    is_missing = url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file()
    # An empty database in memory stands for the one that is not there.
    engine = open_engine("sqlite://" if dry_run and is_missing else settings.storage.database_url)
    try:
        if not dry_run:
            upgrade_store(engine)
        yield engine
    finally:
        engine.dispose()


def render(report: "ImportReport") -> str:
    """Return a report as a table for people."""
    rows = [("", "what", "count", "examples")]
    rows += [
        (section, what, f"{count:,}", _shortened(examples)) for section, what, count, examples in report.rows()
    ] or [("", "nothing", "0", "")]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    table = [
        f"{section:<{widths[0]}}  {what:<{widths[1]}}  {count:>{widths[2]}}  {examples}".rstrip()
        for section, what, count, examples in rows
    ]
    title = f"{report.source}: dry run, nothing was written" if report.dry_run else report.source
    return "\n".join([title, *table, *report.notes])


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_EXAMPLE_WIDTH else f"{text[: MAX_EXAMPLE_WIDTH - 1]}…"
