"""The commands that save a product and bring it back: `rps snapshot` and `rps restore`."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rps_cli.shared import AsJson, to_stderr
from rps_core.settings import load_settings

if TYPE_CHECKING:
    from rps_cli.operations.archive import Manifest


def snapshot(
    file: Annotated[Path, typer.Argument(help="File to write, like rps-monday.zip.", show_default=False)],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that stands there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Save gameplay store, model cache, MLflow and datasets in one file, while the product runs.

    The gameplay store is saved as a SQLite file whatever it lives in, so that a snapshot of SQLite can be restored into
    PostgreSQL and the other way round. Secrets are not in it, player names are: only its owner can read the file.

    Exit code 0 if the file is complete, 1 if not: then there is no file.

    Example: rps snapshot backups/rps-monday.zip
    """
    from rps_cli.operations.snapshot import take_snapshot

    manifest = take_snapshot(
        load_settings(),
        file.absolute(),
        datetime.now(UTC),
        lambda said: typer.echo(said, err=True),
        overwrite=overwrite,
    )
    size = file.stat().st_size
    told = f"wrote {file}: {len(manifest.members):,} members, {manifest.size / 1e6:,.1f} MB in {size / 1e6:,.1f} MB"
    typer.echo(json.dumps(_described(manifest) | {"file": str(file), "bytes": size}, indent=2) if as_json else told)


def restore(
    file: Annotated[Path, typer.Argument(help="Snapshot to bring back.", show_default=False)],
    force: Annotated[
        bool, typer.Option("--force", help="Move aside what is there; without it a place must be empty.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and verify the whole file, and write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring a snapshot back. The product must be stopped.

    Everything is verified first, unpacked beside its place, and changes places at the end; what was there is moved to
    DATA_PATH/before-restore-<time>. A snapshot of an older release is brought to the newest schema.

    Exit code 0 if everything is in place, 1 if nothing was changed.

    Example: rps restore backups/rps-monday.zip --dry-run
    """
    from rps_cli.operations.restore import restore_snapshot, verify_snapshot

    if dry_run:
        manifest = verify_snapshot(file)
        told = f"{file} is sound: {len(manifest.members):,} members, revision {manifest.versions['schema']}"
        typer.echo(json.dumps(_described(manifest), indent=2) if as_json else told)
        return
    done = restore_snapshot(load_settings(), os.environ, file, datetime.now(UTC), to_stderr, force=force)
    if as_json:
        report = {"parts": done.parts, "skipped": done.skipped, "aside": str(done.aside) if done.aside else None}
        typer.echo(json.dumps(_described(done.manifest) | report, indent=2))
        return
    typer.echo(f"restored {', '.join(done.parts)}; start the product, then `rps verify`")
    for name, why in done.skipped.items():
        typer.echo(f"{name} was left out: {why}")
    if done.aside:
        typer.echo(f"what was there before is in {done.aside}; delete it once you no longer need it")


def _described(manifest: "Manifest") -> dict[str, Any]:
    return {
        "created_at": manifest.created_at.isoformat(),
        "versions": manifest.versions,
        "rows": manifest.rows,
        "left_out": manifest.left_out,
        "members": len(manifest.members),
        "unpacked_bytes": manifest.size,
    }
