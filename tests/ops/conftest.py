"""A running API that was played with, and a real Prometheus that scrapes it and evaluates our rules."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import httpx
import pytest
import yaml

from rps_cli.up.programs import API_LOGGING
from rps_core.game.opponents import POLICIES
from tests.browser.server import GameServer
from tests.builders.models import TestRegistry
from tests.builders.ports import free_port
from tests.ops.promql import RULES

MOVES = ("rock", "paper", "scissors")
# Both games with each opponent are recorded, and growth with them.
AFTER_BOTH = "sum(rps:games:total) == 6 and sum(increase(rps:games:total[5m])) > 0 and sum(rps:alias_accuracy:12h) > 0"
START_SECONDS = 40.0


class Observed(NamedTuple):
    """The API and the Prometheus that watches it."""

    api: GameServer
    prometheus: httpx.Client

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Evaluate an expression now; fails where Prometheus refuses it."""
        answer = self.prometheus.get("/api/v1/query", params={"query": expr}).json()
        assert answer["status"] == "success", f"{expr}: {answer.get('error')}"
        assert not answer.get("warnings"), answer
        result = answer["data"]["result"]
        return result if answer["data"]["resultType"] == "vector" else [{"value": result}]

    def get(self, path: str) -> dict[str, Any]:
        """Ask the API of Prometheus."""
        return dict(self.prometheus.get(path).raise_for_status().json()["data"])


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is missing; apt-get install prometheus")
    folder = tmp_path_factory.mktemp("observed")
    TestRegistry.in_folder(folder / "model_cache").fill_all()
    api = GameServer(folder, RPS_MODEL_REFRESH_SECONDS="1", GRANIAN_LOG_CONFIG=str(API_LOGGING), RPS_LOG_FORMAT="json")
    prometheus: subprocess.Popen[bytes] | None = None
    try:
        api.start()
        url = f"http://127.0.0.1:{free_port()}"
        prometheus = start_prometheus(program, folder, api, url)
        play(api, seed=1)
        report(api)
        seen = Observed(api, httpx.Client(base_url=url, timeout=10))
        wait_for(seen, "rps:predictions_by_alias:total > 0", folder)
        # Growth needs a sample before and one after.
        play(api, seed=2)
        wait_for(seen, AFTER_BOTH, folder)
        yield seen
        seen.prometheus.close()
    finally:
        if prometheus is not None:
            prometheus.kill()
            prometheus.wait()
        api.kill()


def start_prometheus(program: str, folder: Path, api: GameServer, url: str) -> "subprocess.Popen[bytes]":
    """Start Prometheus with our rules and quick intervals."""
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "rps-api", "static_configs": [{"targets": [f"127.0.0.1:{api.port}"]}]}],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    with (folder / "prometheus.log").open("wb") as log:
        return subprocess.Popen(
            [
                program,
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address={url.removeprefix('http://')}",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def play(api: GameServer, seed: int) -> None:
    """Play one game with each opponent to its end."""
    random = Random(seed)
    with httpx.Client(base_url=api.url, timeout=10) as client:
        for policy in POLICIES:
            started = client.post("/start_game", json={"policy": policy, "player_kind": "scripted"})
            game_id, finished = started.raise_for_status().json()["game_id"], False
            while not finished:
                played = client.post("/play", json={"game_id": game_id, "user_move": random.choice(MOVES)})
                finished = played.raise_for_status().json()["finished"]


def report(api: GameServer) -> None:
    """Report a promotion decision and trainings, as the graph does."""
    for decision in ("insufficient_data", "retain_production"):
        body = {"model_type": "xgboost", "decision": decision, "z_statistic": 0.7, "p_value": 0.24, "reason": "a test"}
        ranked = {"alias": "B", "rank": 1, "source_alias": "shadow1", "accuracy": 0.5, "total_predictions": 640}
        api.post("/internal/promotion/report", {**body, "alias_rankings": [ranked]})
    for status in ("success", "failure"):
        api.post("/internal/training/complete", {"model_type": "xgboost", "status": status, "duration_seconds": 20.0})


def wait_for(seen: Observed, expr: str, folder: Path) -> None:
    """Wait until an expression has a result."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if seen.query(expr):
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline:
            raise AssertionError(f"no result for {expr}:\n{(folder / 'prometheus.log').read_text()[-3000:]}")
        time.sleep(0.2)
