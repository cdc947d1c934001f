"""`make audit` fails for a known vulnerability, but only warns if the service does not answer."""

import subprocess
from pathlib import Path

import pytest

from tools import audit

PIP = '{"name": "pip", "version": "25.0", "vulns": [%s]}'
FAULT = '{"id": "PYSEC-2026-1", "fix_versions": ["25.1"], "aliases": [], "description": "x"}'
UNKNOWN = '{"name": "pip", "skip_reason": "Dependency not found on PyPI and could not be audited: pip (25.0)"}'


def fake_pip_audit(monkeypatch: pytest.MonkeyPatch, code: int, output: str, errors: str = "") -> None:
    """Replace pip-audit by a function with fixed output."""

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert {"--require-hashes", "--disable-pip"} <= set(command)
        assert Path(command[command.index("--requirement") + 1]).is_file()
        return subprocess.CompletedProcess(command, code, output, errors)

    monkeypatch.setattr(audit.subprocess, "run", run)


@pytest.mark.parametrize(
    ("code", "output", "errors", "exit_code", "sentence"),
    [
        (0, f'{{"dependencies": [{PIP % ""}]}}', "", 0, "1 packages checked, 0 unknown, 0 vulnerabilities"),
        (1, f'{{"dependencies": [{PIP % FAULT}]}}', "", 1, "pip 25.0 has PYSEC-2026-1; fixed in 25.1"),
        (
            0,
            f'{{"dependencies": [{UNKNOWN}]}}',
            "",
            0,
            "nothing was checked, because the advisory service did not answer",
        ),
        (1, "", "ERROR:pip_audit: ConnectionError: no route to host", 0, "no route to host"),
        (1, "<html>proxy</html>", "", 0, "nothing was checked"),
    ],
    ids=["sound", "vulnerable", "knows nothing", "no network", "a proxy's page"],
)
def test_the_exit_code_follows_the_report(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    code: int,
    output: str,
    errors: str,
    exit_code: int,
    sentence: str,
) -> None:
    fake_pip_audit(monkeypatch, code, output, errors)
    assert audit.main([]) == exit_code
    assert sentence in capsys.readouterr().out


def test_strict_fails_if_nothing_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pip_audit(monkeypatch, 1, "", "no network")
    assert audit.main(["--strict"]) == 2


def test_the_audited_lock_contains_all_other_locks() -> None:
    def locked(path: Path) -> set[str]:
        return {line.split()[0] for line in path.read_text().splitlines() if "==" in line and line[0].isalnum()}

    whole = locked(audit.WHOLE) | locked(audit.PROBE)
    for lock in audit.WHOLE.parent.glob("*.txt"):
        if lock.name != "kubernetes.txt":
            assert {name.partition("[")[0] for name in locked(lock)} <= {name.partition("[")[0] for name in whole}, lock
