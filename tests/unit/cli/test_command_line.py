"""The command line as a user meets it: help that teaches, sentences for errors, exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rps_cli.app import app
from rps_cli.errors import errors_as_sentences

runner = CliRunner()


COMMANDS = (
    *("up", "down", "status", "api", "migrate", "simulate", "doctor", "verify", "validate", "parity"),
    *("snapshot", "restore", "train", "sync", "reload", "promote", "rollback"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    shown = runner.invoke(app, [command, "--help"], env={"COLUMNS": "120"})
    assert shown.exit_code == 0
    assert len(shown.output.split()) > 20


def test_without_a_command_all_of_them_are_shown() -> None:
    shown = runner.invoke(app, [], env={"COLUMNS": "120"})
    assert all(command in shown.output for command in COMMANDS)


def test_migrate_creates_the_store_and_can_be_repeated(tmp_path: Path) -> None:
    for _ in range(2):
        done = runner.invoke(app, ["migrate"], env={"DATA_PATH": str(tmp_path)})
        assert done.exit_code == 0
        assert f"{tmp_path}/rps.db is at the newest schema" in done.output


def test_a_damaged_store_is_one_sentence_and_exit_code_one(tmp_path: Path) -> None:
    (tmp_path / "rps.db").write_bytes(b"not a database" * 100)
    done = runner.invoke(app, ["migrate"], env={"DATA_PATH": str(tmp_path)})
    assert done.exit_code == 1
    assert done.stderr.startswith("rps: the gameplay database")
    assert "move it away" in done.stderr
    assert "Traceback" not in done.output


def test_a_wrong_setting_is_one_sentence_and_exit_code_one() -> None:
    done = runner.invoke(app, ["status"], env={"RPS_API_PORT": "many"})
    assert done.exit_code == 1
    assert "RPS_API_PORT" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--user", "zed"], "ace, bob"),
        (["--bot", "zed"], "brian, forrest, logan"),
        (["--games", "0"], "--games"),
        (["--seed", "x"], "--seed"),
    ],
)
def test_wrong_arguments_are_usage_errors(arguments: list[str], told: str) -> None:
    done = runner.invoke(app, ["simulate", *arguments], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert told in done.stderr


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense", "http://[broken"])
def test_playing_against_nobody_says_how_to_start_somebody(url: str) -> None:
    done = runner.invoke(app, ["simulate", "--url", url])
    assert done.exit_code == 1
    assert "/healthz got no answer" in done.stderr
    assert "rps up" in done.stderr


def test_a_missing_extra_is_named_and_other_missing_modules_are_not_hidden() -> None:
    with pytest.raises(Exception, match="1") as failed, errors_as_sentences():
        raise ModuleNotFoundError("No module named 'psutil'", name="psutil")
    assert getattr(failed.value, "exit_code", None) == 1
    with pytest.raises(ModuleNotFoundError), errors_as_sentences():
        raise ModuleNotFoundError("No module named 'rps_core.typo'", name="rps_core.typo")


def test_help_needs_nothing_of_the_extra_and_no_framework() -> None:
    heavy = "{'psutil', 'supervisor', 'filelock', 'sqlalchemy', 'dagster', 'litestar', 'mlflow'}"
    code = f"import sys; import rps_cli.app; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
