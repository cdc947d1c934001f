"""Record an installation as an earlier release writes it, for the test of upgrades.

    git worktree add ../earlier b72735d && cd ../earlier
    PYTHONPATH=. python ../rps/tools/record_release.py ../rps/tests/golden/release_of_contract_2.tar.xz

It runs the code of the working directory, not that of this release: scripted games, one pass of the loop with small
models, and games of a person over the API. The archive holds the store, MLflow's database and files, the model cache,
the datasets, Dagster's history, and replies that an upgraded API must repeat. Plots are empty, because they would be
most of the bytes.
"""

import json
import sqlite3
import sys
import tarfile
import tempfile
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import dagster as dg
import pytest
from litestar.testing import TestClient
from mlflow import MlflowClient

from rps_api.app import create_app
from rps_assets.training import model_runs
from rps_core.game.families import ALIASES
from rps_core.game.opponents import POLICIES
from rps_core.settings import load_settings
from tests.integration.assets.conftest import tiny_configuration
from tests.integration.assets.world import failure_of, fill_store, open_world

SCRIPTED_GAMES, GAMES_EACH, ROUNDS_OF_RUNNING_GAME = 40, 4, 6
SESSION = "a-player-of-the-earlier-release"
MOVES = ("rock", "paper", "scissors")
NO_PLOT = b"\x89PNG"
# Files that nothing reads again.
LEFT_OUT = (".png", ".lock", ".err", ".out", ".complete")


def record(folder: Path) -> None:
    """Write the installation into a folder."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    template = folder / "template"
    template.mkdir()
    MlflowClient(f"sqlite:///{template / 'mlflow.db'}", uri).search_experiments()
    (folder / "dagster").mkdir()
    with (
        pytest.MonkeyPatch.context() as patch,
        dg.DagsterInstance.local_temp(str(folder / "dagster")) as instance,
        open_world(folder, template) as world,
    ):
        import_module("rps_assets.training.intervals")
        for module in [one for name, one in sys.modules.items() if name.startswith("rps_assets")]:
            if hasattr(module, "to_png"):
                patch.setattr(module, "to_png", lambda _: NO_PLOT)
        # Each slot has the small configuration of another one: a test sees first configurations replace them.
        patch.setattr(
            model_runs,
            "default_configuration",
            lambda family, alias: tiny_configuration(family, ALIASES[-1 - ALIASES.index(alias)]),
        )
        world.__dict__["instance"] = instance
        fill_store(world.engine, SCRIPTED_GAMES)
        result = world.run("whole_loop")
        if not result.success:
            raise SystemExit(failure_of(result))
    replies = play(folder / "data")
    (folder / "replies.json").write_text(json.dumps({"folder": str(folder), **replies}, indent=1))


def play(data: Path) -> dict[str, Any]:
    """Play games of a person against all opponents, one of each to a round in the middle, and return replies."""
    random, requests = Random(5), list[dict[str, Any]]()  # noqa: S311
    settings = load_settings(data_path=data, starts_per_minute=0, plays_per_minute=0, sqlite_synchronous="NORMAL")
    with TestClient(create_app(settings, random=random, refresh_models=False)) as client:
        client.app.dependencies["served_models"].dependency().refresh()
        for policy in POLICIES:
            for number in range(GAMES_EACH):
                body = {"policy": policy, "session_id": SESSION, "player_name": "Ada"}
                game_id = client.post("/start_game", json=body).raise_for_status().json()["game_id"]
                rounds = ROUNDS_OF_RUNNING_GAME if number == 0 else 99
                requests.append(_play_game(client, game_id, rounds, random))
    return {"session_id": SESSION, "games": requests}


def _play_game(client: Any, game_id: str, rounds: int, random: Random) -> dict[str, Any]:
    """Play a game and return its last request, the reply, and the explanation of that round."""
    for round_no in range(1, rounds + 1):
        request = {"game_id": game_id, "user_move": random.choice(MOVES), "round": round_no}
        key = f"{game_id}-{round_no}"
        reply = client.post("/play", json=request, headers={"Idempotency-Key": key}).raise_for_status()
        if reply.json()["finished"]:
            break
    explained = client.get(f"/games/{game_id}/rounds/{round_no}/explanation").raise_for_status()
    return {"request": request, "key": key, "reply": reply.text, "explanation": explained.text}


def archive(folder: Path, target: Path) -> None:
    """Pack an installation, its databases as single files."""
    for database in folder.rglob("*.db"):
        with sqlite3.connect(database) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
        connection.close()
        with sqlite3.connect(database) as connection:
            connection.execute("VACUUM")
        connection.close()
    with tarfile.open(target, "w:xz", preset=9) as packed:
        for name in ("replies.json", "mlflow.db", "data", "artifacts", "dagster"):
            packed.add(folder / name, name, filter=lambda one: None if one.name.endswith(LEFT_OUT) else one)


def main() -> None:
    """Record, pack, and print the size."""
    (target,) = map(Path, sys.argv[1:])
    target = target.resolve()
    with tempfile.TemporaryDirectory(prefix="rps-release-") as name:
        folder = Path(name)
        record(folder)
        archive(folder, target)
    sys.stdout.write(f"{target}: {target.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
