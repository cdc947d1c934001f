"""Record the examples of the documentation from a real game: ``python -m tests.contract.record_examples``.

Starts the application on an empty store with twelve small models, plays some games, and asks each operation at least
once. Where none can be recorded, as of promotions, which a running Dagster makes, the one before is kept.
"""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
from litestar import Litestar
from litestar.testing import TestClient

from rps_api.app import create_app
from rps_api.games import service
from rps_api.openapi import openapi_document
from rps_api.openapi.examples import EXAMPLES_FILE, Example, load_examples
from rps_core.settings import load_settings
from tests.builders.models import TestRegistry

MOVES = ("paper", "rock", "scissors", "paper", "paper", "rock")
GAMES = 6
TOKEN = "operators-alone"


class Recorder:
    """Asks operations and keeps what was sent and answered."""

    def __init__(self, client: TestClient[Litestar], paths: dict[str, tuple[str, str]]) -> None:
        self._client = client
        self._paths = paths
        self.examples: dict[str, Example] = {}

    def ask(self, operation: str, body: Any = None, **parameters: Any) -> Any:
        """Ask an operation; `parameters` go into its path or its query."""
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
    # The same ids in each recording, so that a new one changes little.
    ids = Random(7)
    service.uuid = SimpleNamespace(uuid4=lambda: UUID(int=ids.getrandbits(128), version=4))  # type: ignore[assignment]
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
            told["operationId"]: (method, path)
            for path, methods in openapi_document(app)["paths"].items()
            for method, told in methods.items()
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
        started = recorder.ask("startGame", {"player_name": "Mira", "policy": "logan"})
        random, finished, round_no = Random(number), False, 0
        while not finished:
            round_no += 1
            move = MOVES[round_no % 6] if number == GAMES - 1 else random.choice(MOVES)
            body = {"game_id": started["game_id"], "user_move": move, "round": round_no}
            if number == GAMES - 1 and round_no > 6:
                break
            finished = recorder.ask("playRound", body)["finished"]
    game_id = started["game_id"]
    recorder.ask("roundPoints", game_id=game_id)
    recorder.ask("recentRounds", game_id=game_id, limit=1)
    recorder.ask("getGame", game_id=game_id)
    recorder.ask("explainRound", game_id=game_id, round_no=6)
    recorder.ask("listPolicies")
    recorder.ask("stats", game_id=game_id)


def _read(recorder: Recorder) -> None:
    recorder.ask("leaderboard", limit=10)
    recorder.ask("listGames", policy="logan", limit=2)
    recorder.ask("globalStats")
    recorder.ask("activity")
    recorder.ask("policyStats", policy="logan")
    recorder.ask("playerStats", player_name="Mira")
    recorder.ask("exportRounds", limit=2, format="json")
    recorder.ask("botWinRates")
    recorder.ask("observatoryState")
    recorder.ask("winStreaks", opponent="logan", limit=10)
    for operation in ("predictPolicies", "featuresExample", "listModels", "modelStages", "productionModels"):
        recorder.ask(operation)
    for operation in ("abTestStats", "healthz", "readyz", "detailedHealth", "version"):
        recorder.ask(operation)


def _operate(recorder: Recorder) -> None:
    told = {"policy": "forrest", "player_history": ["rock", "paper"], "bot_history": ["paper", "paper"]}
    recorder.ask("predict", told | {"round_values": {"rock": 1.0, "paper": 1.4, "scissors": 1.9}})
    recorder.ask("predictBatch", [told, told | {"policy": "brian", "ab_assignment": "shadow1"}])
    context = {"policy": "forrest", "player_history": ["rock"], "bot_history": ["paper", "paper"]}
    recorder.ask("predictInContext", {"player_move": "paper", "context": context})
    recorder.ask("modelState")
    recorder.ask("counters")
    recorder.ask("reloadModels")
    recorder.ask("reloadSlot", model_type="xgboost", alias="B")
    recorder.ask("unloadModel", model_type="xgboost@shadow2")
    recorder.ask("loadFamily", model_type="xgboost", force_reload=False)
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
    recorder.ask("reportPromotion", report)
    recorder.ask("promotionHistory", limit=1, model_type="xgboost")
    recorder.ask("promotionEventTotals", days=7)
    recorder.ask("reportTraining", {"model_type": "xgboost", "status": "success", "duration_seconds": 4.2})


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        found = record(Path(temporary))
    EXAMPLES_FILE.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
