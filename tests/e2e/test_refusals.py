"""An impossible start ends with one sentence that says what to do, exit code 1, and no process left running."""

import os
import signal
import socket
from pathlib import Path

import pytest

from rps_cli.up.layout import plan_layout
from rps_core.settings import load_settings
from tests.e2e.product import Product, product_environment, run_cli

pytestmark = pytest.mark.e2e


def refusal(environment: dict[str, str], code: int = 1) -> str:
    done = run_cli(environment, "up")
    assert done.returncode == code
    assert "Traceback" not in done.stderr + done.stdout
    assert Product(environment).leftovers() == []
    assert not plan_layout(load_settings(data_path=Path(environment["DATA_PATH"])).storage, {}).sockets.exists()
    return done.stderr


def test_a_port_in_use_is_reported_with_its_process_and_its_setting(tmp_path: Path) -> None:
    environment = product_environment(tmp_path)
    with socket.create_server(("127.0.0.1", int(environment["RPS_DAGSTER_PORT"]))):
        sentence = refusal(environment)
    assert f"Dagster cannot use port {environment['RPS_DAGSTER_PORT']} on 127.0.0.1" in sentence
    assert f"in use by process {os.getpid()}" in sentence
    assert "RPS_DAGSTER_PORT" in sentence


def test_one_port_for_two_services_is_refused(tmp_path: Path) -> None:
    environment = product_environment(tmp_path)
    environment["RPS_MLFLOW_PORT"] = environment["RPS_API_PORT"]
    assert "set RPS_API_PORT or RPS_MLFLOW_PORT to another port" in refusal(environment)


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    assert f"the folder {tmp_path / 'data'} is not writable" in refusal(product_environment(tmp_path))


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_data_folder_without_write_permission_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o500)
    assert "is not writable" in refusal(product_environment(tmp_path))


def test_a_corrupt_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    database = tmp_path / "data" / "rps.db"
    database.parent.mkdir()
    database.write_bytes(b"no database " * 500)
    sentence = refusal(product_environment(tmp_path))
    assert str(database) in sentence
    assert "move it away and start again" in sentence
    assert database.read_bytes() == b"no database " * 500


def test_an_invalid_setting_is_reported(tmp_path: Path) -> None:
    assert "RPS_BOOTSTRAP_GAMES" in refusal(product_environment(tmp_path, RPS_BOOTSTRAP_GAMES="many"))


def test_a_relative_dagster_home_is_refused(tmp_path: Path) -> None:
    assert "DAGSTER_HOME is 'here'" in refusal(product_environment(tmp_path, DAGSTER_HOME="here"))


def test_an_unknown_option_is_a_usage_error(tmp_path: Path) -> None:
    done = run_cli(product_environment(tmp_path), "up", "--fast")
    assert done.returncode == 2
    assert "--fast" in done.stderr


def test_a_signal_before_the_page_is_up_stops_cleanly_too(tmp_path: Path) -> None:
    product = Product(product_environment(tmp_path))
    product.start()
    try:
        # The lock is taken and the first processes are about to start.
        product.wait_for_file(product.data / "up" / "session.json")
        product.process.send_signal(signal.SIGTERM)
        assert product.wait_for_end() == 0
        assert product.leftovers() == []
    finally:
        product.process.kill()
        product.process.wait()
