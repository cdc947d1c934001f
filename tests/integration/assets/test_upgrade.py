"""An installation that the release before contract 3 wrote goes on with this release, trained or not.

`tools/record_release.py` recorded it with the code of that release: store, registry, cache, Dagster's history, replies.
"""

import json
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import dagster as dg
import pytest
from litestar.testing import TestClient
from sqlalchemy import select

from rps_api.app import create_app
from rps_assets.automation.sensors import REASON_TAG
from rps_core.game.families import ALIASES, FAMILIES, SLOTS
from rps_core.store.ledger import PromotionLedger
from rps_core.store.schema import games
from tests.integration.assets.conftest import tiny_configuration
from tests.integration.assets.world import World, failure_of, metadata_of, open_world

RECORDED = Path(__file__).parents[2] / "golden" / "release_of_contract_2.tar.xz"
# Columns of MLflow's database that hold addresses of files.
ADDRESSES = {
    "experiments": "artifact_location",
    "runs": "artifact_uri",
    "model_versions": "storage_location",
    "logged_models": "artifact_location",
}
COUNTED = ("games", "events", "predictions", "promotion_events")


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """The files of the earlier release, with the addresses of this folder."""
    folder = tmp_path / "release"
    with tarfile.open(RECORDED) as archive:
        # The archive is ours. Python 3.11.3 and earlier know no filters.
        options: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(folder, **options)  # noqa: S202
    written_in = json.loads((folder / "replies.json").read_text())["folder"]
    with closing(sqlite3.connect(folder / "mlflow.db")) as registry, registry:
        for table, column in ADDRESSES.items():
            moved = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"  # noqa: S608
            registry.execute(moved, (written_in, str(folder)))
    return folder


@pytest.fixture
def upgraded(tmp_path: Path, release: Path) -> Iterator[World]:
    """The installation after the start of this release, with Dagster's history."""
    with open_world(tmp_path, release) as world, dg.DagsterInstance.local_temp(str(release / "dagster")) as instance:
        world.__dict__["instance"] = instance
        yield world


class Api:
    """The API on an upgraded installation, and the replies of the earlier release."""

    def __init__(self, world: World, release: Path, client: TestClient[Any]) -> None:
        self.world, self.client = world, client
        self.recorded = json.loads((release / "replies.json").read_text())["games"]

    def load_models(self) -> None:
        """Load what the cache holds now."""
        self.client.app.dependencies["served_models"].dependency().refresh(force=True)  # type: ignore[union-attr]

    def repeated(self) -> list[str]:
        """Return the replies to the last requests of the earlier release, sent again."""
        answers = [
            self.client.post("/play", json=one["request"], headers={"Idempotency-Key": one["key"]})
            for one in self.recorded
        ]
        return [answer.raise_for_status().text for answer in answers]

    def explained(self, game_id: str, round_no: int) -> dict[str, Any]:
        """Return the explanation of a round."""
        answer = self.client.get(f"/games/{game_id}/rounds/{round_no}/explanation")
        return dict(answer.raise_for_status().json())

    def play(self, game_id: str, move: str) -> dict[str, Any]:
        """Play a round."""
        answer = self.client.post("/play", json={"game_id": game_id, "user_move": move})
        return dict(answer.raise_for_status().json())

    def play_new_game(self, rounds: int = 5) -> dict[str, Any]:
        """Start a game and return the reply to its last round."""
        body = {"policy": "forrest", "session_id": "a-player-of-the-earlier-release"}
        game_id = self.client.post("/start_game", json=body).raise_for_status().json()["game_id"]
        return [{**self.play(game_id, "rock"), "game_id": game_id} for _ in range(rounds)][-1]

    def contract_of(self, game_id: str) -> int | None:
        """Return the contract that a game stores."""
        with self.world.engine.connect() as connection:
            found: int | None = connection.scalar(select(games.c.contract_version).where(games.c.id == game_id))
        return found


@pytest.fixture
def api(upgraded: World, release: Path) -> Iterator[Api]:
    with TestClient(create_app(upgraded.settings, random=Random(3), refresh_models=False)) as client:
        api = Api(upgraded, release, client)
        api.load_models()
        yield api


def counts(database: Path) -> dict[str, int]:
    with closing(sqlite3.connect(database)) as store:
        return {name: store.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in COUNTED}  # noqa: S608


def known_fields(reply: Any, known: Any) -> Any:
    """Return a reply with the fields that the earlier release knew."""
    if isinstance(reply, dict) and isinstance(known, dict):
        return {name: known_fields(value, known[name]) for name, value in reply.items() if name in known}
    return reply


def running_game(api: Api) -> str:
    return str(next(one["request"]["game_id"] for one in api.recorded if not json.loads(one["reply"])["finished"]))


def test_the_bundles_of_contract_2_play_on_and_old_replies_stay_as_they_were(api: Api, release: Path) -> None:
    assert counts(api.world.settings.storage.data_path / "rps.db") == counts(release / "data" / "rps.db")
    assert counts(release / "data" / "rps.db")["predictions"] > 100
    for repeated, one in zip(api.repeated(), api.recorded, strict=True):
        old = json.loads(one["reply"])
        assert known_fields(json.loads(repeated), old) == old
    for one in api.recorded:
        old = json.loads(one["explanation"])
        new = api.explained(one["request"]["game_id"], one["request"]["round"])
        assert new["model"]["reproduced"] is True
        assert (new["feature_contract"], len(new["features"])) == ("rps-features v2", 50)
        assert new["features"] == old["features"]
    running = running_game(api)
    assert len(api.play(running, "paper")["debug"]["features"]) == 50
    fresh = api.play_new_game()
    assert len(fresh["debug"]["features"]) == 50
    assert (api.contract_of(running), api.contract_of(fresh["game_id"])) == (None, 2)


def test_one_training_puts_first_configurations_of_contract_3_into_all_slots(upgraded: World, api: Api) -> None:
    repeated = api.repeated()
    before = {slot: one.version for slot, one in upgraded.registry.aliased_versions().items()}
    upgraded.configure(training_interval_seconds=1_000_000)
    (request,) = upgraded.tick("training_sensor").run_requests or ()
    assert "the served models see features of version 2, and new models see version 3" in request.tags[REASON_TAG]
    result = upgraded.run("whole_loop", tags=request.tags)
    assert result.success, failure_of(result)
    held = upgraded.registry.aliased_versions()
    assert {slot: (one.tags["contract"], one.tags["hyperparameter_config_id"]) for slot, one in held.items()} == {
        slot: ("rps-features 3", tiny_configuration(*slot).id) for slot in SLOTS
    }
    ledger = PromotionLedger(upgraded.engine)
    for family in FAMILIES:
        decided, entry, *_ = ledger.history(family=family)
        assert "models of feature contract 3 replace those of earlier contracts" in str(entry.reason)
        assert {moved.alias: moved.previous_version for moved in entry.alias_assignments} == {
            alias: before[slot] for slot in SLOTS if slot.family == family for alias in [slot.alias]
        }
        # Comparisons start again: the games of the earlier release count for none of the new configurations.
        comparison = decided.comparison
        assert comparison is not None
        assert comparison.started_at >= entry.created_at
        assert (comparison.pairs, decided.production_total_games, decided.b_total_games) == (0, 0, 0)
    assert not upgraded.tick("training_sensor").run_requests
    api.load_models()
    fresh = api.play_new_game()
    assert (len(fresh["debug"]["features"]), api.contract_of(fresh["game_id"])) == (75, 3)
    assert set(fresh["debug"]["alias_predictions"]) == set(ALIASES)
    # A game that the earlier release began goes on.
    api.play(running_game(api), "scissors")
    assert api.repeated() == repeated
    reports = upgraded.run("write_reports", only=["reports/parity"])
    found = metadata_of(reports, dg.AssetKey(["reports", "parity"]))
    assert (found["holds"], found["unavailable_models"]) == (True, "none")
    assert found["checked"] > 100
