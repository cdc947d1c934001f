"""The manifest of a bundle: it answers "what trained the model that is playing now?".

`rps_core.bundle.codec` reads and checks its bytes.
"""

from datetime import datetime
from typing import Any

import msgspec

from rps_core.game.families import Alias, Family

BUNDLE_FORMAT_VERSION = 1


class DatasetSummary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """Summary of the training dataset of a bundle.

    Attributes:
        fingerprint: SHA-256 (hex) over the examples; equal fingerprints mean equal examples in equal order.
        examples: labelled rounds, with those of simulated people.
        games: games that these rounds belong to.
        human_games: the games of human players among them.
        simulated_games, simulated_examples: games and examples of simulated people; `games` does not contain them.
        simulated_weight: weight of each simulated example; a played one has the weight 1.
        first_game_at: creation time of the oldest game.
        last_game_at: creation time of the newest game.
    """

    fingerprint: str
    examples: int
    games: int
    human_games: int
    first_game_at: datetime
    last_game_at: datetime
    simulated_games: int = 0
    simulated_examples: int = 0
    simulated_weight: float = 0.0


class BundleManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """The manifest in the folder of each ONNX graph.

    It has no version number: the registry assigns one after the bundle is written, and the cache index stores it.

    Attributes:
        contract_name, contract_version, contract_digest: the feature contract the graph was trained on.
        trained_for: alias whose configuration was trained; the model may serve another slot later.
        model_sha256: SHA-256 (hex) of the ONNX file.
        hyperparameters: the trained configuration, in JSON types only.
        metrics: hold-out, production and cross-validation metrics, named as in MLflow.
        seed: seed of all random draws in the training.
    """

    format_version: int = BUNDLE_FORMAT_VERSION
    family: Family
    registered_name: str
    run_id: str
    trained_for: Alias
    configuration_id: str
    contract_name: str
    contract_version: int
    contract_digest: str
    dataset: DatasetSummary
    hyperparameters: dict[str, Any]
    metrics: dict[str, float]
    seed: int
    created_at: datetime
    model_sha256: str
