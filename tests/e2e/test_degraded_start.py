"""A start with a broken Dagster, an early clock and an IPv6 address: the game can be played; the output says why."""

import socket
from pathlib import Path

import httpx
import pytest

from tests.e2e.product import Product, product_environment

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def loopback() -> tuple[str, str]:
    """Return an address to listen on and the same address in a URL: IPv6 if this machine has it."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return "::1", "[::1]"
    except OSError:
        return "localhost", "127.0.0.1"


def test_the_game_goes_on_although_dagster_cannot_start(tmp_path: Path) -> None:
    host, shown = loopback()
    product = Product(
        product_environment(tmp_path, RPS_HOST=host, TRAINING_DATA_SINCE_DATE="2999-01-01", RPS_BOOTSTRAP_GAMES="3")
    )
    home = Path(product.environment["DAGSTER_HOME"])
    home.mkdir()
    (home / "dagster.yaml").write_text("no_such_setting: true\n")
    log = product.data / "logs" / "dagster-prepare.log"
    log.parent.mkdir(parents=True)
    log.write_text("a line of an earlier start\n" * 3)
    product.start()
    try:
        assert "before TRAINING_DATA_SINCE_DATE (2999-01-01 00:00)" in product.wait_for_line(
            "the clock of this machine"
        )
        product.wait_for_line("waiting for api")
        product.wait_for_line("page playable after")
        product.wait_for_line("waiting for dagster-prepare")
        product.wait_for_line("cannot be prepared. The game goes on without it")
        product.wait_for_line("no_such_setting")
        url = f"http://{shown}:{product.environment['RPS_API_PORT']}"
        started = httpx.post(f"{url}/start_game", json={"player_name": "Mira"}).raise_for_status().json()
        assert httpx.post(f"{url}/play", json={"game_id": started["game_id"], "user_move": "rock"}).is_success
        assert product.stop() == 0
        output = "".join(product.output)
        assert "earlier start" not in output
        assert "3 scripted games make about 27 examples" in output
        assert "set RPS_BOOTSTRAP_GAMES to at least 34" in output
        assert product.leftovers() == []
    finally:
        product.process.kill()
        product.process.wait()
