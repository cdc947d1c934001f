"""The commands that back up a product and restore it: `rps snapshot` and `rps restore`."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rps_cli.shared import AsJson, Overwrite, to_stderr
from rps_core.settings import load_settings

if TYPE_CHECKING:
    from rps_cli.operations.archive import Manifest


def snapshot(
    file: Annotated[Path, typer.Argument(help="File to write, like rps-monday.zip.", show_default=False)],
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Save the gameplay store, model cache, MLflow and datasets in one file, while the product runs.

    The file holds the gameplay store as a SQLite database, so you can move a store from SQLite to PostgreSQL or back.
    It holds player names but no secrets; only its owner can read it.

    Exit code 0 if the file is complete. Otherwise exit code 1, without a file.

    Example: rps snapshot backups/rps-monday.zip
    """
    from rps_cli.operations.snapshot import take_snapshot

    manifest = take_snapshot(load_settings(), file.absolute(), datetime.now(UTC), to_stderr, overwrite=overwrite)
    size = file.stat().st_size
    if as_json:
        typer.echo(json.dumps(_described(manifest) | {"file": str(file), "bytes": size}, indent=2))
        return
    typer.echo(
        f"wrote {file}: {len(manifest.members):,} members, {manifest.size / 1e6:,.1f} MB in {size / 1e6:,.1f} MB"
    )


def restore(
    file: Annotated[Path, typer.Argument(help="Snapshot to restore.", show_default=False)],
    force: Annotated[
        bool, typer.Option("--force", help="Move existing data aside; without it all places must be empty.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and verify the file, and write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Restore a snapshot. The product must be stopped.

    The file is verified and unpacked first, then everything changes places at once. Existing data is moved to
    a folder `before-restore-…` in DATA_PATH. A snapshot of an older release is migrated to the newest schema.

    Exit code 0 if everything is restored. Exit code 1 otherwise: then nothing was changed.

    Example: rps restore backups/rps-monday.zip --dry-run
    """
    from rps_cli.operations.restore import restore_snapshot, verify_snapshot

    if dry_run:
        manifest = verify_snapshot(file)
        summary = f"{file} is sound: {len(manifest.members):,} members, revision {manifest.versions['schema']}"
        typer.echo(json.dumps(_described(manifest), indent=2) if as_json else summary)
        return
    done = restore_snapshot(load_settings(), os.environ, file, datetime.now(UTC), to_stderr, force=force)
    if as_json:
        report = {"parts": done.parts, "skipped": done.skipped, "aside": str(done.aside[0]) if done.aside else None}
        typer.echo(json.dumps(_described(done.manifest) | report, indent=2))
        return
    typer.echo(f"restored {', '.join(done.parts)}; start the product, then run `rps verify`")
    for name, reason in done.skipped.items():
        typer.echo(f"{name} was left out: {reason}")
    if done.aside:
        where = ", ".join(map(str, done.aside))
        typer.echo(f"the previous data is in {where}; delete it when you no longer need it")


def _described(manifest: "Manifest") -> dict[str, Any]:
    return {
        "created_at": manifest.created_at.isoformat(),
        "versions": manifest.versions,
        "rows": manifest.rows,
        "left_out": manifest.left_out,
        "members": len(manifest.members),
        "unpacked_bytes": manifest.size,
    }
