"""`rps simulate --missing` gives a new installation its first games once, however often it is started."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rps_cli.app import app
from tests.browser.server import GameServer
from tests.builders.models import TestRegistry
from tests.integration.conftest import wait_until

pytestmark = pytest.mark.integration


def test_games_that_exist_and_models_that_are_served_are_counted(tmp_path: Path) -> None:
    server = GameServer(tmp_path).start()
    try:
        assert _played(server, 2) == 2
        # Statistics are a few seconds old.
        wait_until(lambda: server.get("/stats/global")["total_games"] == 2, "the games in the statistics", 30)
        assert _played(server, 3) == 1
        server.kill()
        TestRegistry.in_folder(tmp_path / "model_cache").fill_all()
        server.start()
        assert _played(server, 100) == 0
    finally:
        server.kill()


def _played(server: GameServer, games: int) -> int:
    arguments = ["simulate", "--missing", "--games", str(games), "--url", server.url, "--json"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return int(json.loads(done.stdout)["games"])
