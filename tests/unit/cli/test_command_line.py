"""The command line as users see it: help, errors and exit codes."""

import os
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner

from rps_cli.app import app
from rps_cli.errors import EXTRAS, errors_as_sentences
from rps_core.http_clients import trusted_authorities
from tests.builders.ports import free_port

runner = CliRunner()


COMMANDS = (
    *("up", "down", "status", "api", "migrate", "simulate", "doctor", "verify", "validate", "parity"),
    *("snapshot", "restore", "train", "sync", "reload", "evaluate", "promotion", "promote", "rollback"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_text(command: str) -> None:
    done = runner.invoke(app, [command, "--help"], env={"COLUMNS": "120"})
    assert done.exit_code == 0
    assert len(done.output.split()) > 20


def test_without_a_command_the_help_lists_all_commands() -> None:
    done = runner.invoke(app, [], env={"COLUMNS": "120"})
    assert all(command in done.output for command in COMMANDS)


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


def test_an_invalid_setting_is_one_sentence_and_exit_code_one() -> None:
    done = runner.invoke(app, ["status"], env={"RPS_API_PORT": "many"})
    assert done.exit_code == 1
    assert "RPS_API_PORT" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--user", "zed"], "ace, bob"),
        (["--bot", "zed"], "brian, forrest, logan"),
        (["--games", "0"], "--games"),
        (["--seed", "x"], "--seed"),
    ],
)
def test_wrong_arguments_are_usage_errors(arguments: list[str], message: str) -> None:
    done = runner.invoke(app, ["simulate", *arguments], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert message in done.stderr


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "127.0.0.1:9", "HTTP://127.0.0.1:9/"])
def test_a_simulation_without_an_api_says_how_to_start_one(url: str) -> None:
    done = runner.invoke(app, ["simulate", "--url", url])
    assert done.exit_code == 1
    assert "http://127.0.0.1:9/healthz got no answer" in done.stderr
    assert "rps up" in done.stderr


@pytest.mark.parametrize("url", ["http://[broken", "ftp://box", "http://u:12/s3cret@box"])
def test_an_unreadable_url_is_a_usage_error(url: str) -> None:
    done = runner.invoke(app, ["simulate", "--url", url], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert "--url" in done.stderr
    assert "s3cret" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks://127.0.0.1:1080/"),
        ("HTTP_PROXY", '"http://p:1"'),
        ("NO_PROXY", "fe80::/10,[::1]"),
        ("SSL_CERT_FILE", "/nonexistent/ca.pem"),
    ],
)
def test_doctor_needs_neither_proxies_nor_certificates_for_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    trusted_authorities.cache_clear()
    ports = {f"RPS_{service}_PORT": str(free_port()) for service in ("API", "DAGSTER", "MLFLOW")}
    done = runner.invoke(app, ["doctor"], env={"DATA_PATH": str(tmp_path), "COLUMNS": "400", **ports, name: value})
    assert done.exit_code == 0, done.output
    assert f"nothing answers at http://127.0.0.1:{ports['RPS_API_PORT']}; start it with `rps up`" in done.output


def test_doctor_names_the_proxy_that_keeps_a_server_from_answering(tmp_path: Path) -> None:
    variables = {"DATA_PATH": str(tmp_path), "COLUMNS": "400", "ALL_PROXY": "socks://127.0.0.1:1080/"}
    done = runner.invoke(app, ["doctor"], env=variables | {"API_BASE": "http://api.example:8080"})
    assert done.exit_code == 1
    assert "failed   API" in done.output
    assert "does not answer at http://api.example:8080 (ALL_PROXY names a SOCKS proxy" in done.output


@pytest.mark.parametrize(
    ("missing", "command", "remedy"),
    [
        ("psutil", "up", "an installation for one machine has; run it there, or install rps-quest[up]"),
        ("psutil", "down", "install rps-quest[up]"),
        ("polars", "parity", "the code location's image has; run it there, or install rps-quest[assets]"),
        ("granian", "api", "the API's image has; run it there, or install rps-quest[api]"),
    ],
)
def test_a_command_without_its_extra_names_the_image_that_has_it(
    missing: str, command: str, remedy: str, tmp_path: Path
) -> None:
    # An entry of None makes the import fail, as in an image without the extra.
    code = f"import sys; sys.modules[{missing!r}] = None; from rps_cli.app import app; app()"
    done = subprocess.run(
        [sys.executable, "-c", code, command],
        env={**os.environ, "DATA_PATH": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"rps: this command needs {missing}, which ")
    assert remedy in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_missing_module_of_the_product_itself_is_not_hidden() -> None:
    with pytest.raises(ModuleNotFoundError), errors_as_sentences():
        raise ModuleNotFoundError("No module named 'rps_core.typo'", name="rps_core.typo")


def test_help_imports_no_extra_and_no_framework() -> None:
    light = "import sys; import rps_cli.app; print(sorted({'sqlalchemy', 'httpx', 'numpy'} & set(sys.modules)))"
    modules = sorted(module for modules in EXTRAS.values() for module in modules if module != "rich")
    code = f"{light}; print(sorted({set(modules)!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n[]\n"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_proxy_gets_in_the_way_of_this_machine(host: str) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(418)
            self.end_headers()

        def log_message(self, *arguments: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        environment = {
            **{name: value for name, value in os.environ.items() if name.lower() != "no_proxy"},
            **dict.fromkeys(("HTTP_PROXY", "ALL_PROXY"), "http://127.0.0.1:9"),
            "API_BASE": f"http://{host}:{server.server_port}",
        }
        command = [sys.executable, "-m", "rps_cli", "reload"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        server.shutdown()
    assert "answered 418" in done.stderr


def test_the_script_of_a_copied_checkout_does_not_run_the_original(tmp_path: Path) -> None:
    script = tmp_path / ".venv" / "bin" / "rps"
    script.parent.mkdir(parents=True)
    (tmp_path / "rps_cli").mkdir()
    shutil.copy(Path(sys.executable).with_name("rps"), script)
    done = subprocess.run([str(script), "status"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith(f"would run its code; run `make install` in {tmp_path}\n")


def test_doctor_names_a_clock_before_the_first_day_that_counts(tmp_path: Path) -> None:
    variables = {"DATA_PATH": str(tmp_path), "TRAINING_DATA_SINCE_DATE": "2999-01-01", "COLUMNS": "400"}
    done = runner.invoke(app, ["doctor"], env=variables)
    assert done.exit_code == 1
    assert (
        "UTC, which is before TRAINING_DATA_SINCE_DATE (2999-01-01 00:00), so new games train no models" in done.output
    )


def test_doctor_names_a_bootstrap_that_is_too_small_for_the_first_training(tmp_path: Path) -> None:
    variables = {"DATA_PATH": str(tmp_path), "RPS_BOOTSTRAP_GAMES": "120", "COLUMNS": "400"}
    done = runner.invoke(app, ["doctor"], env=variables)
    assert done.exit_code == 1
    assert "120 scripted games make about 216 examples" in done.output
    assert "set RPS_BOOTSTRAP_GAMES to at least 170" in done.output
    enough = runner.invoke(app, ["doctor"], env=variables | {"RPS_BOOTSTRAP_GAMES": "170"})
    assert "170 scripted games suffice for the 300 examples" in enough.output


def test_doctor_names_a_folder_for_sockets_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rps_cli.up.layout.MAX_SOCKET_BYTES", 20)
    done = runner.invoke(app, ["doctor"], env={"DATA_PATH": str(tmp_path), "COLUMNS": "400"})
    assert "set TMPDIR to a short path" in done.output
