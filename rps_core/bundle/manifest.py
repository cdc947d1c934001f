"""What a bundle says about itself: the answer to "what trained the model that is playing now?".

Only names and numbers; reading and checking bytes is `rps_core.bundle.codec`.
"""

from datetime import datetime
from typing import Any

import msgspec

from rps_core.game.families import Alias, Family

BUNDLE_FORMAT_VERSION = 1


class DatasetSummary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """The training dataset of a bundle, in a few numbers.

    Attributes:
        fingerprint: SHA-256 (hex) over the examples; equal fingerprints mean equal examples in equal order.
        examples: labelled rounds.
        games: games they come from.
        human_games: games of human players among them.
        first_game_at: creation time of the oldest game.
        last_game_at: creation time of the newest game.
    """

    fingerprint: str
    examples: int
    games: int
    human_games: int
    first_game_at: datetime
    last_game_at: datetime


class BundleManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """The manifest written beside each ONNX graph.

    The version number in the registry is missing on purpose: it is given after the bundle is written, and the cache
    index carries it.

    Attributes:
        contract_name, contract_version, contract_digest: the feature contract the graph was trained on.
        trained_for: alias whose configuration was trained; the slot it serves may change later.
        model_sha256: SHA-256 (hex) of the ONNX file.
        hyperparameters: the configuration as trained, JSON types only.
        metrics: hold-out, production and cross-validation figures under the names logged to MLflow.
        seed: seed of every draw in the training.
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
