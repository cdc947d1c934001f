"""`make audit`: a known vulnerability fails it, a service that does not answer is told and does not."""

import subprocess
from pathlib import Path

import pytest

from tools import audit

PIP = '{"name": "pip", "version": "25.0", "vulns": [%s]}'
FAULT = '{"id": "PYSEC-2026-1", "fix_versions": ["25.1"], "aliases": [], "description": "x"}'
UNKNOWN = '{"name": "pip", "skip_reason": "Dependency not found on PyPI and could not be audited: pip (25.0)"}'


def answering(monkeypatch: pytest.MonkeyPatch, code: int, said: str, complaint: str = "") -> None:
    """Let pip-audit answer what it answers in each of these cases."""

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert {"--require-hashes", "--disable-pip"} <= set(command)
        assert Path(command[command.index("--requirement") + 1]).is_file()
        return subprocess.CompletedProcess(command, code, said, complaint)

    monkeypatch.setattr(audit.subprocess, "run", run)


@pytest.mark.parametrize(
    ("code", "said", "complaint", "exit_code", "sentence"),
    [
        (0, f'{{"dependencies": [{PIP % ""}]}}', "", 0, "1 packages checked, 0 unknown, 0 vulnerabilities"),
        (1, f'{{"dependencies": [{PIP % FAULT}]}}', "", 1, "pip 25.0 has PYSEC-2026-1; mended in 25.1"),
        (0, f'{{"dependencies": [{UNKNOWN}]}}', "", 0, "cannot be asked, so nothing was checked"),
        (1, "", "ERROR:pip_audit: ConnectionError: no route to host", 0, "no route to host"),
        (1, "<html>proxy</html>", "", 0, "cannot be asked"),
    ],
    ids=["sound", "vulnerable", "knows nothing", "no network", "a proxy's page"],
)
def test_the_output_decides(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    code: int,
    said: str,
    complaint: str,
    exit_code: int,
    sentence: str,
) -> None:
    answering(monkeypatch, code, said, complaint)
    assert audit.main([]) == exit_code
    assert sentence in capsys.readouterr().out


def test_strict_fails_where_nothing_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, 1, "", "no network")
    assert audit.main(["--strict"]) == 2


def test_the_lock_that_is_audited_holds_all_the_others() -> None:
    def locked(path: Path) -> set[str]:
        return {line.split()[0] for line in path.read_text().splitlines() if "==" in line and line[0].isalnum()}

    whole = locked(audit.WHOLE) | locked(audit.PROBE)
    for lock in audit.WHOLE.parent.glob("*.txt"):
        if lock.name != "kubernetes.txt":
            assert {name.partition("[")[0] for name in locked(lock)} <= {name.partition("[")[0] for name in whole}, lock
