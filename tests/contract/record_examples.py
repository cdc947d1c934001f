"""Record the examples of the documentation from a real game: ``python -m tests.contract.record_examples``.

Starts the application on an empty store with twelve small models, plays some games, and calls each operation at least
once. Promotions need a running Dagster and cannot be recorded here, so their old examples are kept.
"""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import msgspec
from litestar import Litestar
from litestar.testing import TestClient

from rps_api.app import create_app
from rps_api.games import service
from rps_api.openapi import openapi_document
from rps_api.openapi.document import EXAMPLES_FILE, Example, load_examples
from rps_core.settings import load_settings
from tests.builders.models import TestRegistry

MOVES = ("paper", "rock", "scissors", "paper", "paper", "rock")
GAMES = 6
TOKEN = "operators-alone"


class Recorder:
    """Calls operations and keeps their requests and replies."""

    def __init__(self, client: TestClient[Litestar], paths: dict[str, tuple[str, str]]) -> None:
        self._client = client
        self._paths = paths
        self.examples: dict[str, Example] = {}

    def call(self, operation: str, body: Any = None, **parameters: Any) -> Any:
        """Call an operation; `parameters` go into its path or its query."""
        method, path = self._paths[operation]
        inside = {name: value for name, value in parameters.items() if f"{{{name}}}" in path}
        query = {name: value for name, value in parameters.items() if name not in inside}
        answer = self._client.request(method, path.format(**inside), json=body, params=query)
        reply = answer.json() if "json" in answer.headers["content-type"] else None
        if answer.status_code == 200 or operation in {"readyz", "detailedHealth"}:
            self.examples[operation] = Example(reply, body, parameters)
        return reply


def record(folder: Path) -> dict[str, Example]:
    """Return an example of every operation."""
    TestRegistry.in_folder(folder / "model_cache").fill_all(first=41)
    # Every recording has the same ids, so that a new one changes little.
    ids = Random(7)
    service.new_id = lambda _now: str(UUID(int=ids.getrandbits(128), version=4))
    now = datetime(2026, 11, 21, 18, 30, tzinfo=UTC)
    ticks = iter(range(1_000_000))
    app = create_app(
        load_settings(data_path=folder, api_token=TOKEN),
        clock=lambda: now + timedelta(milliseconds=250 * next(ticks)),
        random=Random(7),
    )
    with TestClient(app, base_url="http://127.0.0.1:8080") as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        paths = {
            operation["operationId"]: (method, path)
            for path, methods in openapi_document(app)["paths"].items()
            for method, operation in methods.items()
        }
        recorder = Recorder(client, paths)
        _play(recorder)
        _read(recorder)
        _operate(recorder)
        missing = sorted(set(paths) - set(recorder.examples))
    kept = {name: load_examples()[name] for name in missing if name in load_examples()}
    return recorder.examples | kept


def _play(recorder: Recorder) -> None:
    for number in range(GAMES):
        started = recorder.call("startGame", {"player_name": "Mira", "policy": "logan"})
        random, finished, round_no = Random(number), False, 0
        while not finished:
            round_no += 1
            move = MOVES[round_no % 6] if number == GAMES - 1 else random.choice(MOVES)
            body = {"game_id": started["game_id"], "user_move": move, "round": round_no}
            if number == GAMES - 1 and round_no > 6:
                break
            finished = recorder.call("playRound", body)["finished"]
    game_id = started["game_id"]
    recorder.call("roundPoints", game_id=game_id)
    recorder.call("recentRounds", game_id=game_id, limit=1)
    recorder.call("getGame", game_id=game_id)
    recorder.call("explainRound", game_id=game_id, round_no=6)
    recorder.call("listPolicies")
    recorder.call("stats", game_id=game_id)


def _read(recorder: Recorder) -> None:
    recorder.call("leaderboard", limit=10)
    recorder.call("listGames", policy="logan", limit=2)
    recorder.call("globalStats")
    recorder.call("activity")
    recorder.call("policyStats", policy="logan")
    recorder.call("playerStats", player_name="Mira")
    recorder.call("exportRounds", limit=2, format="json")
    recorder.call("botWinRates")
    recorder.call("observatoryState")
    recorder.call("winStreaks", opponent="logan", limit=10)
    for operation in ("predictPolicies", "featuresExample", "listModels", "modelStages", "productionModels"):
        recorder.call(operation)
    for operation in ("abTestStats", "healthz", "readyz", "detailedHealth", "version"):
        recorder.call(operation)


def _operate(recorder: Recorder) -> None:
    game = {"policy": "forrest", "player_history": ["rock", "paper"], "bot_history": ["paper", "paper"]}
    recorder.call("predict", game | {"round_values": {"rock": 1.0, "paper": 1.4, "scissors": 1.9}})
    recorder.call("predictBatch", [game, game | {"policy": "brian", "ab_assignment": "shadow1"}])
    context = {"policy": "forrest", "player_history": ["rock"], "bot_history": ["paper", "paper"]}
    recorder.call("predictInContext", {"player_move": "paper", "context": context})
    recorder.call("modelState")
    recorder.call("counters")
    recorder.call("reloadModels")
    recorder.call("reloadSlot", model_type="xgboost", alias="B")
    recorder.call("unloadModel", model_type="xgboost@shadow2")
    recorder.call("loadFamily", model_type="xgboost", force_reload=False)
    report = {
        "model_type": "xgboost",
        "decision": "retain_production",
        "z_statistic": 0.71,
        "p_value": 0.24,
        "production_wins": 48,
        "production_total_games": 92,
        "b_wins": 51,
        "b_total_games": 90,
        "alias_rankings": [
            {"alias": "B", "rank": 1, "source_alias": "shadow1", "accuracy": 0.512, "total_predictions": 640}
        ],
        "reason": "B does not lead by enough",
    }
    recorder.call("reportPromotion", report)
    recorder.call("promotionHistory", limit=1, model_type="xgboost")
    recorder.call("promotionEventTotals", days=7)
    recorder.call("reportTraining", {"model_type": "xgboost", "status": "success", "duration_seconds": 4.2})


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        found = record(Path(temporary))
    EXAMPLES_FILE.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
