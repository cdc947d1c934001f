"""Manifests and a registry of runs, without training."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from rps_core.bundle import MANIFEST_FILE, MODEL_FILE, BundleManifest, DatasetSummary, encode_manifest
from rps_core.bundle.codec import sha256_hex
from rps_core.cache import CacheEntry
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.families import REGISTERED_NAMES, SLOTS, Alias, Family

ONNX = b"any bytes: the codec never runs them"


def manifest(**changes: object) -> BundleManifest:
    moment = datetime(2026, 11, 1, tzinfo=UTC)
    dataset = DatasetSummary(
        fingerprint="f" * 64, examples=900, games=90, human_games=3, first_game_at=moment, last_game_at=moment
    )
    complete = BundleManifest(
        family="xgboost",
        registered_name="rps_bot_xgboost",
        run_id="a" * 32,
        trained_for="Production",
        configuration_id="xgb_c01",
        contract_name=CURRENT_CONTRACT.name,
        contract_version=CURRENT_CONTRACT.version,
        contract_digest=CURRENT_CONTRACT.digest,
        dataset=dataset,
        hyperparameters={"max_depth": 3},
        metrics={"test_accuracy": 0.6},
        seed=42,
        created_at=moment,
        model_sha256=sha256_hex(ONNX),
    )
    return msgspec.structs.replace(complete, **changes)


class Registry:
    """A registry in memory: the files of each run by run id."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, bytes]] = {}
        self.fetched: list[str] = []

    def entry(self, number: int, family: Family = "xgboost", alias: Alias = "Production") -> CacheEntry:
        """Register run `number` and return the entry that puts it into a slot."""
        run_id, model = f"{number:032x}", f"graph {number}".encode()
        described = encode_manifest(manifest(run_id=run_id, family=family, model_sha256=sha256_hex(model)))
        self.runs[run_id] = {MODEL_FILE: model, MANIFEST_FILE: described, "MLmodel": b"flavors: {}"}
        return CacheEntry(
            family=family,
            alias=alias,
            registered_name=REGISTERED_NAMES[family],
            version=str(number),
            run_id=run_id,
            manifest_sha256=sha256_hex(described),
            model_sha256=sha256_hex(model),
        )

    def all_slots(self, first: int = 1) -> list[CacheEntry]:
        """Register a run for each of the twelve slots and return the entries."""
        return [self.entry(first + number, *slot) for number, slot in enumerate(SLOTS)]

    def fetch(self, run_id: str) -> Mapping[str, bytes]:
        """Return the files of a run and record the call."""
        self.fetched.append(run_id)
        return self.runs[run_id]
