"""Folders that commands write to."""

import tempfile
from pathlib import Path


def write_fault(folder: Path) -> str | None:
    """Return why this user cannot create files in a folder, or None if they can."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror or str(error)
