"""`make test-containers` without an engine: it says what is missing, and notices what an engine would do wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import containers
from tools.containers import Failed, chosen_engine, main

# Plays the part of an engine: everything works, counts fall after the second start.
ENGINE = """#!/bin/sh
echo "$*" >>"{log}"
case "$*" in
  *psql*) echo "$(cat "{counts}" 2>/dev/null || echo 210)|900|12"; echo {later} >"{counts}" ;;
  *"rps verify"*) echo "verify: ok" ;;
  *ExitCode*) echo {code} ;;
  *"ps --quiet"*) echo container ;;
esac
"""


def program(folder: Path, *, code: int = 0, later: int = 210) -> tuple[Path, Path]:
    engine, log = folder / "engine", folder / "log"
    engine.write_text(ENGINE.format(log=log, counts=folder / "counts", code=code, later=later))
    engine.chmod(0o755)
    return engine, log


def test_without_an_engine_one_sentence_says_what_to_install() -> None:
    with pytest.raises(Failed, match=r"no container engine works \(docker, podman\); install Docker or podman"):
        chosen_engine(None, lambda _: False)
    assert chosen_engine(None, lambda name: name == "podman") == "podman"


def test_every_step_runs_and_nothing_stays(tmp_path: Path) -> None:
    engine, log = program(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "tools.containers"],
        env={**os.environ, "ENGINE": str(engine)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "test-containers: all checks passed"), done.stderr
    steps = log.read_text().splitlines()
    assert [step.split()[0] for step in steps[:3]] == ["info", "build", "run"]
    assert "--read-only --cap-drop=all" in steps[2]
    assert sum("kill --signal=KILL" in step for step in steps) == len(containers.RESTARTED)
    assert "down --volumes" in steps[-1]


@pytest.mark.parametrize(
    ("faults", "message"),
    [({"code": 137}, "stopped after 0 s with code 137"), ({"later": 209}, "every process lost something")],
)
def test_a_late_stop_and_lost_games_are_failures(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    faults: dict[str, int],
    message: str,
) -> None:
    engine, log = program(tmp_path, **faults)
    monkeypatch.setenv("ENGINE", str(engine))
    assert main() == 1
    assert message in capsys.readouterr().err
    assert "rm --force" in log.read_text()
