"""Models from a real cache in a folder and on an S3 server: first load, swap, outage and recovery."""

import uuid
from pathlib import Path
from typing import Any

import fsspec
import msgspec
import pytest
from litestar.testing import TestClient

from rps_api.app import create_app
from rps_core.game.families import SLOTS, Slot
from rps_core.settings import load_settings
from tests.builders.models import TestRegistry, expecting, reading_features
from tests.integration.conftest import S3Server, wait_until

pytestmark = pytest.mark.integration

TOKEN = "operators-alone"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
PRODUCTION, B = Slot("xgboost", "Production"), Slot("xgboost", "B")


class Cache:
    """A cache, the settings that point to it, and direct access to its objects."""

    def __init__(self, url: str, options: dict[str, Any], settings: dict[str, Any]) -> None:
        self.registry = TestRegistry(url, options)
        self.settings = settings
        self._files, self._root = fsspec.core.url_to_fs(url, **options)

    def read(self, name: str) -> bytes:
        return bytes(self._files.cat_file(f"{self._root}/{name}"))

    def write(self, name: str, data: bytes) -> None:
        self._files.pipe_file(f"{self._root}/{name}", data)

    def delete(self, name: str) -> None:
        self._files.rm_file(f"{self._root}/{name}")


@pytest.fixture(params=["folder", "s3"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Cache:
    if request.param == "folder":
        url = f"file://{tmp_path / 'cache'}"
        return Cache(url, {}, {"cache_url_override": url})
    server: S3Server = request.getfixturevalue("s3_server")
    bucket = f"cache-{uuid.uuid4().hex[:12]}"
    settings = {
        "minio_endpoint": server.endpoint,
        "minio_bucket": bucket,
        "minio_access_key": server.access_key,
        "minio_secret_key": server.secret_key,
    }
    return Cache(server.make_bucket(bucket), server.storage_options, settings)


def application(cache: Cache, tmp_path: Path, **settings: Any) -> TestClient[Any]:
    chosen = {"model_refresh_seconds": 0.5, **cache.settings, **settings}
    configured = load_settings(data_path=tmp_path, api_token=TOKEN, ab_split_ratio=1.0, **chosen)
    return TestClient(create_app(configured))


def versions(client: TestClient[Any]) -> dict[str, str | None]:
    return {
        f"{family}@{alias}": held and held["version"]
        for family, described in client.get("/models").json().items()
        for alias, held in described["aliases"].items()
    }


def test_the_first_game_uses_the_models_of_the_cache(cache: Cache, tmp_path: Path) -> None:
    cache.registry.fill_all()
    with application(cache, tmp_path) as client:
        assert client.post("/start_game", json={"policy": "forrest"}).json()["model_version"] == "1"
        assert list(versions(client).values()) == [str(number) for number in range(1, 13)]


def test_a_reload_serves_a_swap_at_once(cache: Cache, tmp_path: Path) -> None:
    entries = {entry.slot: entry for entry in cache.registry.fill_all()}
    with application(cache, tmp_path) as client:
        swapped = {
            PRODUCTION: msgspec.structs.replace(entries[B], alias="Production"),
            B: msgspec.structs.replace(entries[PRODUCTION], alias="B"),
        }
        cache.registry.synchronise([swapped.get(slot, entries[slot]) for slot in SLOTS])
        reply = client.post("/models/reload", headers=OPERATOR).json()
        assert (reply["success"], reply["failed"]) == (True, [])
        assert versions(client)[str(PRODUCTION)] == "2"
        assert versions(client)[str(B)] == "1"


def test_a_new_index_is_loaded_without_a_request(cache: Cache, tmp_path: Path) -> None:
    cache.registry.fill_all()
    with application(cache, tmp_path) as client:
        cache.registry.fill_all(first=50, graph=reading_features(9))
        wait_until(lambda: versions(client)[str(PRODUCTION)] == "50", "the refresh")
        assert set(versions(client).values()) == {str(number) for number in range(50, 62)}


def test_a_lost_index_does_not_stop_play_and_is_used_when_it_returns(cache: Cache, tmp_path: Path) -> None:
    cache.registry.fill_all()
    with application(cache, tmp_path) as client:
        game_id = client.post("/start_game", json={"policy": "forrest"}).json()["game_id"]
        index = cache.read("index.json")
        cache.delete("index.json")
        reply = client.post("/models/reload", headers=OPERATOR).json()
        assert (reply["success"], reply["reloaded"]) == (False, [])
        for _ in range(4):
            played = client.post("/play", json={"game_id": game_id, "user_move": "rock"}).raise_for_status().json()
        assert played["model_info"]["model_version"] == "1"
        cache.write("index.json", index)
        assert client.post("/models/reload", headers=OPERATOR).json()["success"]


def test_a_truncated_bundle_keeps_the_old_model_until_it_is_fixed(cache: Cache, tmp_path: Path) -> None:
    entries = cache.registry.fill_all()
    # The thread must not refresh while the bundle is still intact.
    with application(cache, tmp_path, model_refresh_seconds=3600) as client:
        newer = cache.registry.version(PRODUCTION, 77, expecting(2))
        cache.registry.synchronise([newer if entry.slot == PRODUCTION else entry for entry in entries])
        graph = f"{newer.run_id}/model/model.onnx"
        whole = cache.read(graph)
        cache.write(graph, whole[: len(whole) // 2])
        reply = client.post("/models/reload", headers=OPERATOR).json()
        assert reply["failed"] == [str(PRODUCTION)]
        assert "run `rps sync`" in reply["errors"][str(PRODUCTION)]
        assert versions(client)[str(PRODUCTION)] == "1"
        cache.write(graph, whole)
        assert client.post("/models/reload", headers=OPERATOR).json()["success"]
        assert versions(client)[str(PRODUCTION)] == "77"


def test_wrong_credentials_leave_the_game_playable_and_name_the_store(s3_server: S3Server, tmp_path: Path) -> None:
    settings = {
        "minio_endpoint": s3_server.endpoint,
        "minio_bucket": "nothing-here",
        "minio_access_key": s3_server.access_key,
        "minio_secret_key": "wrong",
    }
    with application(Cache(f"file://{tmp_path}/unused", {}, settings), tmp_path) as client:
        ready = client.get("/readyz")
        assert ready.status_code == 200
        assert any("s3://nothing-here" in sentence for sentence in ready.json()["degraded"])
        assert client.post("/start_game", json={}).status_code == 200
        assert "wrong" not in ready.text
