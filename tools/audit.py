"""Check the locked packages for known vulnerabilities: `make audit`.

The exit code is 1 if there are any. If the advisory service does not answer, the exit code is 0, so that `make check`
works without a network; with ``--strict`` it is 2.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

PROJECT = Path(__file__).parents[1]
# A small lock, checked first: a service that does not know pip does not know the rest.
PROBE = PROJECT / "requirements" / "bootstrap.txt"
# Contains every package of the other locks, because they are resolved under its constraints.
WHOLE = PROJECT / "requirements" / "dev.txt"
SECONDS = 300


class Audit(NamedTuple):
    """Result of an audit: vulnerabilities as sentences, and the numbers of audited and of unknown packages."""

    known: tuple[str, ...]
    audited: int
    unknown: int


class ServiceSilent(Exception):
    """The advisory service did not answer; the message says why."""


def main(arguments: list[str]) -> int:
    """Audit, print the result, and return the exit code."""
    try:
        probed = audit(PROBE)
        if not probed.audited:
            raise ServiceSilent(f"it knows no package of {PROBE.name}")
        found = audit(WHOLE)
    except ServiceSilent as reason:
        print(f"audit: nothing was checked, because the advisory service did not answer: {reason}")  # noqa: T201
        return 2 if "--strict" in arguments else 0
    for sentence in (*probed.known, *found.known):
        print(f"audit: {sentence}")  # noqa: T201
    print(f"audit: {found.audited} packages checked, {found.unknown} unknown, {len(found.known)} vulnerabilities")  # noqa: T201
    return 1 if probed.known or found.known else 0


def audit(lock: Path) -> Audit:
    """Audit a lock by its names and versions, without installing or resolving packages.

    Raises:
        ServiceSilent: the service gave no valid answer.
    """
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--require-hashes", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "15"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)  # noqa: S603  # ours
    except subprocess.TimeoutExpired as error:
        raise ServiceSilent(f"no answer within {SECONDS} s") from error
    try:
        dependencies = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError) as error:
        lines = done.stderr.strip().splitlines()
        raise ServiceSilent(lines[-1] if lines else f"pip-audit ended with code {done.returncode}") from error
    return read_audit(dependencies)


def read_audit(dependencies: Iterable[dict[str, Any]]) -> Audit:
    """Summarise the JSON report of pip-audit."""
    known: list[str] = []
    audited = unknown = 0
    for package in dependencies:
        if "skip_reason" in package:
            unknown += 1
            continue
        audited += 1
        for fault in package["vulns"]:
            fixed = ", ".join(fault.get("fix_versions", ())) or "no version yet"
            known.append(f"{package['name']} {package['version']} has {fault['id']}; fixed in {fixed}")
    return Audit(tuple(known), audited, unknown)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
