"""Revision of the training code: the commit of the checkout, or the installed version."""

import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


@cache
def code_revision() -> str:
    """Return the full commit, with ``-dirty`` if files differ from it, or the package version without a checkout."""
    if (PROJECT / ".git").exists():
        command = ["git", "-C", str(PROJECT), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
        except (OSError, subprocess.SubprocessError):
            return _installed()
        return done.stdout.strip()
    return _installed()


def _installed() -> str:
    try:
        return f"rps-quest {version('rps-quest')}"
    except PackageNotFoundError:
        return "unknown"
