"""Failures of the models' object store: play continues with the loaded models, and the API recovers on its own."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from rps_core.bundle import MANIFEST_FILE, BundleManifest, encode_manifest
from rps_core.bundle.codec import sha256_hex
from rps_core.cache import CacheEntry
from rps_core.game.families import Slot
from tests.builders.models import TestRegistry, expecting, failing_from_round, of_two_classes, reading_features
from tests.faults.checks import Health, check_cache, check_store, metric, served
from tests.faults.clients import Acknowledged, Crowd
from tests.faults.conftest import Stage, staged
from tests.faults.object_store import BUCKET, ObjectStore
from tests.faults.proxy import NONE, Hindrance, Proxy
from tests.faults.recovery import Recovered
from tests.integration.conftest import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
SPOILT = Slot("xgboost", "Production")
GAMES = 6


class Installation(NamedTuple):
    """An API that loads its models from an object store through a proxy; `played` has all acknowledged rounds."""

    store: ObjectStore
    proxy: Proxy
    registry: TestRegistry
    stage: Stage
    played: list[Acknowledged]

    @property
    def url(self) -> str:
        return self.stage.server.url

    def play(self) -> Crowd:
        """Play some whole games; no request may be refused."""
        crowd = Crowd(self.url, 2)
        crowd.play(GAMES)
        assert (crowd.unanswered, crowd.winners.total()) == (0, GAMES), crowd.reasons
        self.played.extend(crowd.acknowledged)
        return crowd

    def publish(self) -> list[CacheEntry]:
        """Put new versions into all slots; their numbers continue those of the previous test."""
        return self.registry.fill_all(first=len(self.registry.runs) + 1)

    def is_served(self, entries: Sequence[CacheEntry]) -> bool:
        """Return whether the API serves exactly these models and reports no problem."""
        wanted = {str(entry.slot): entry.version for entry in entries}
        return served(self.url) == wanted and Health(self.url).is_well


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("object-store")
    with ExitStack() as stack:
        store = ObjectStore(folder / "buckets")
        stack.callback(store.kill)
        store.start()
        registry = TestRegistry(store.access.make_bucket(BUCKET), store.access.storage_options)
        registry.fill_all()
        proxy = stack.enter_context(Proxy(store.port))
        quick = {"RPS_MODEL_REFRESH_SECONDS": "0.5", "MODEL_RELOAD_BACKOFF_SECONDS": "0.1", "AB_SPLIT_RATIO": "1"}
        stage = stack.enter_context(staged(folder / "api", **store.settings(proxy.port), **quick))
        yield Installation(store, proxy, registry, stage, [])


def stop(installation: Installation) -> None:
    installation.store.kill()


def slow(installation: Installation) -> None:
    installation.proxy.hinder(Hindrance(delay_seconds=3))


def answer_with_errors(installation: Installation) -> None:
    installation.proxy.hinder(Hindrance(error=True))


def truncate(installation: Installation) -> None:
    installation.proxy.hinder(Hindrance(answer_bytes=1_500))


@pytest.mark.parametrize("break_it", [stop, slow, answer_with_errors, truncate], ids=lambda f: f.__name__)
def test_a_failing_object_store_is_reported_stops_no_game_and_is_used_again(
    installation: Installation, break_it: Callable[[Installation], None], recovered: Recovered
) -> None:
    before = installation.publish()
    wait_until(lambda: installation.is_served(before), "the versions before the fault")
    break_it(installation)
    wait_until(lambda: metric(installation.url, "rps_model_cache_up") == 0, "the metric of the fault")
    wait_until(
        lambda: any("cache" in reason or BUCKET in reason for reason in Health(installation.url).degraded), "a reason"
    )
    assert Health(installation.url).ready
    crowd = installation.play()
    assert set(crowd.sources) == {"gambit", "mlflow"}
    assert served(installation.url) == {str(entry.slot): entry.version for entry in before}
    if break_it is stop:
        installation.store.start()
    after = installation.publish()
    installation.proxy.hinder(NONE)
    recovered(f"object store ({break_it.__name__}): new models served", lambda: installation.is_served(after))
    assert metric(installation.url, "rps_model_cache_up") == 1
    check_cache(installation.registry.cache, after, installation.url)
    check_store(installation.stage.engine, installation.played, api_url=installation.url)


def wrong_bytes(installation: Installation, entry: CacheEntry) -> None:
    installation.store.change(f"{entry.run_id}/model/model.onnx", lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]))


def half_an_object(installation: Installation, entry: CacheEntry) -> None:
    installation.store.change(f"{entry.run_id}/model/model.onnx", lambda whole: whole[: len(whole) // 2])


def no_damage(_: Installation, __: CacheEntry) -> None:
    pass


def foreign(registry: TestRegistry, number: int) -> CacheEntry:
    """Register a version that was trained on another feature contract, with valid hashes."""
    entry = registry.version(SPOILT, number, expecting(0))
    files = registry.runs[entry.run_id]
    manifest = msgspec.json.decode(files[MANIFEST_FILE], type=BundleManifest)
    files[MANIFEST_FILE] = encode_manifest(
        msgspec.structs.replace(manifest, contract_version=99, contract_digest="9" * 64)
    )
    return msgspec.structs.replace(entry, manifest_sha256=sha256_hex(files[MANIFEST_FILE]))


def answers_nan(registry: TestRegistry, number: int) -> CacheEntry:
    return registry.version(SPOILT, number, failing_from_round(1))


def knows_two_moves(registry: TestRegistry, number: int) -> CacheEntry:
    return registry.version(SPOILT, number, of_two_classes())


def sound(registry: TestRegistry, number: int) -> CacheEntry:
    return registry.version(SPOILT, number, reading_features(number))


@pytest.mark.parametrize(
    ("make", "spoil"),
    [
        (sound, wrong_bytes),
        (sound, half_an_object),
        (foreign, no_damage),
        (answers_nan, no_damage),
        (knows_two_moves, no_damage),
    ],
    ids=["wrong hash", "truncated object", "foreign contract", "NaN", "two classes"],
)
def test_an_invalid_bundle_is_reported_and_the_old_model_stays(
    installation: Installation,
    make: Callable[[TestRegistry, int], CacheEntry],
    spoil: Callable[[Installation, CacheEntry], None],
    recovered: Recovered,
) -> None:
    registry, url = installation.registry, installation.url
    entries = installation.publish()
    wait_until(lambda: installation.is_served(entries), "the versions before the fault")
    failures = metric(url, "rps_model_load_failures_total", model=SPOILT.family)
    bad = make(registry, len(registry.runs) + 1)
    # The API must not load the object before it is spoilt.
    installation.proxy.hinder(Hindrance(error=True))
    registry.synchronise([bad if entry.slot == SPOILT else entry for entry in entries])
    spoil(installation, bad)
    installation.proxy.hinder(NONE)
    wait_until(lambda: metric(url, "rps_model_load_failures_total", model=SPOILT.family) > failures, "the metric")
    wait_until(lambda: any(reason.startswith(str(SPOILT)) for reason in Health(url).degraded), "the reason")
    assert Health(url).ready
    crowd = installation.play()
    assert set(crowd.sources) == {"gambit", "mlflow"}
    assert served(url) == {str(entry.slot): entry.version for entry in entries}
    fixed = sound(registry, len(registry.runs) + 1)
    after = [fixed if entry.slot == SPOILT else entry for entry in entries]
    registry.synchronise(after)
    recovered("invalid bundle: fixed", lambda: installation.is_served(after))
    check_cache(registry.cache, after, url)
    check_store(installation.stage.engine, installation.played, api_url=url)


def test_an_api_that_starts_without_its_object_store_plays_at_random_until_the_store_is_up(
    installation: Installation, tmp_path: Path, recovered: Recovered
) -> None:
    entries = installation.publish()
    installation.store.kill()
    settings = installation.store.settings(installation.store.port)
    with staged(tmp_path, **settings, RPS_MODEL_REFRESH_SECONDS="0.5") as stage:
        crowd = Crowd(stage.server.url, 2)
        crowd.play(4)
        assert set(crowd.sources) == {"gambit", "fallback"}
        health = Health(stage.server.url)
        assert (health.status, len(health.degraded) >= 2) == (200, True)
        assert metric(stage.server.url, "rps_model_cache_up") == 0
        wait_until(lambda: metric(stage.server.url, "rps_model_fallback_total") > 0, "the metric of the fallback")
        installation.store.start()
        wanted = {str(entry.slot): entry.version for entry in entries}
        recovered("object store missing at the start: models served", lambda: served(stage.server.url) == wanted)
        check_store(stage.engine, crowd.acknowledged, api_url=stage.server.url)
