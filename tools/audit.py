"""Ask for known vulnerabilities of what is locked: `make audit`.

Exit code 1 where one is known. Where the advisory service cannot be asked, that is said, and the exit code is 0: a
machine without a network can still be checked; ``--strict`` makes it 2.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

PROJECT = Path(__file__).parents[1]
# Small, and asked first: a service that tells nothing about pip tells nothing about the rest.
PROBE = PROJECT / "requirements" / "bootstrap.txt"
# Holds whatever the other locks hold: each of those is resolved under its constraints.
WHOLE = PROJECT / "requirements" / "dev.txt"
SECONDS = 300


class Audit(NamedTuple):
    """What the service said: sentences about vulnerabilities, packages that were looked at, and those that were not."""

    known: tuple[str, ...]
    audited: int
    unknown: int


class ServiceSilent(Exception):
    """The advisory service cannot be asked; the message says why."""


def main(arguments: list[str]) -> int:
    """Audit, say what was found, and return the exit code."""
    try:
        probed = audit(PROBE)
        if not probed.audited:
            raise ServiceSilent("it knows none of the packages that were asked first")
        found = audit(WHOLE)
    except ServiceSilent as reason:
        print(f"audit: the advisory service cannot be asked, so nothing was checked: {reason}")  # noqa: T201
        return 2 if "--strict" in arguments else 0
    for sentence in (*probed.known, *found.known):
        print(f"audit: {sentence}")  # noqa: T201
    print(f"audit: {found.audited} packages checked, {found.unknown} unknown, {len(found.known)} vulnerabilities")  # noqa: T201
    return 1 if probed.known or found.known else 0


def audit(lock: Path) -> Audit:
    """Audit one lock by its names and versions; nothing is installed or resolved.

    Raises:
        ServiceSilent: there is no answer that can be read.
    """
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--require-hashes", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "15"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)  # noqa: S603  # ours
    except subprocess.TimeoutExpired as error:
        raise ServiceSilent(f"no answer within {SECONDS} s") from error
    try:
        told = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError) as error:
        said = done.stderr.strip().splitlines()
        raise ServiceSilent(said[-1] if said else f"exit code {done.returncode}") from error
    return read_audit(told)


def read_audit(dependencies: Iterable[dict[str, Any]]) -> Audit:
    """Count what pip-audit said about each package."""
    known: list[str] = []
    audited = unknown = 0
    for one in dependencies:
        if "skip_reason" in one:
            unknown += 1
            continue
        audited += 1
        for fault in one["vulns"]:
            mended = ", ".join(fault.get("fix_versions", ())) or "no version yet"
            known.append(f"{one['name']} {one['version']} has {fault['id']}; mended in {mended}")
    return Audit(tuple(known), audited, unknown)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
