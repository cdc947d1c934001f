"""The captured lines: one for each prediction, readable without any other file."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from rps_core.features.contract import FeatureContract
from rps_core.game.choice import most_probable
from rps_core.game.moves import MOVES
from rps_core.store.games import NewRound, StoredGame


class SeenFeatures(NamedTuple):
    """What a model saw: its contract, and the features in the contract's order."""

    contract: FeatureContract
    features: list[float]


class CapturedRound(NamedTuple):
    """A stored round, its game before the round, and what each model saw, by run."""

    game: StoredGame
    played: NewRound
    seen: Mapping[str, SeenFeatures]


def encoded(captured: CapturedRound) -> bytes:
    """Return the lines of a round; empty if no model predicted."""
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records_of(captured))


def records_of(captured: CapturedRound) -> Iterator[dict[str, Any]]:
    """Yield the prediction of each model of the family, with the named features that it saw."""
    game, played, seen = captured
    for prediction in played.predictions:
        contract, features = seen[prediction.model.run_id]
        yield {
            "timestamp": played.played_at,
            "game_id": game.id,
            "round": played.round_no,
            "model_type": prediction.family,
            "alias": prediction.alias,
            "plays": prediction.alias == game.alias,
            "model_version": prediction.model.version,
            "run_id": prediction.model.run_id,
            "source": played.probability_source,
            "probabilities": dict(zip(MOVES, prediction.probabilities, strict=True)),
            "pick": most_probable(prediction.probabilities),
            "feature_contract": str(contract),
            "features": dict(zip(contract.columns, features, strict=True)),
        }
