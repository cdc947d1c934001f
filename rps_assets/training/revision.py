"""Revision of the training code: the commit of the checkout, or the installed version."""

import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path

from rps_core.version import installed_version

PROJECT = Path(__file__).resolve().parents[2]


@cache
def code_revision() -> str:
    """Return the full commit, with ``-dirty`` if files differ from it, or the package version without a checkout."""
    if (PROJECT / ".git").exists():
        command = ["git", "-C", str(PROJECT), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
        with suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
            return done.stdout.strip()
    return f"rps-quest {installed_version()}"
