"""The captured lines: one for each prediction, readable without any other file."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.features.history import features_from_history
from rps_core.game.choice import most_probable
from rps_core.game.moves import MOVES
from rps_core.store.games import NewRound, StoredGame


class CapturedRound(NamedTuple):
    """A stored round, and its game before the round."""

    game: StoredGame
    played: NewRound


def encoded(captured: CapturedRound) -> bytes:
    """Return the lines of a round; empty if no model predicted."""
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records_of(captured))


def records_of(captured: CapturedRound) -> Iterator[dict[str, Any]]:
    """Yield the prediction of each model of the family, with the named features that it saw.

    The features are recomputed from the earlier rounds, which gives exactly the numbers that the models saw.
    """
    game, played = captured
    features = features_from_history(game.rounds, played.points, played.round_no, game.easy_mode)
    for prediction in played.predictions:
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
            "feature_contract": f"{CURRENT_CONTRACT.name} v{CURRENT_CONTRACT.version}",
            "features": dict(zip(CURRENT_CONTRACT.columns, features, strict=True)),
        }
