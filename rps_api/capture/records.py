"""What a captured round writes: one line a prediction, and each line can be read without any other file."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.features.history import features_from_history
from rps_core.game.choice import most_probable
from rps_core.game.moves import MOVES
from rps_core.store.games import NewRound, StoredGame


class CapturedRound(NamedTuple):
    """A round as it was stored, and its game as it was before."""

    game: StoredGame
    played: NewRound


def encoded(captured: CapturedRound) -> bytes:
    """Return the lines of a round; none where no model was asked."""
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records_of(captured))


def records_of(captured: CapturedRound) -> Iterator[dict[str, Any]]:
    """Yield what each model of the family expected, with the features it saw by name.

    The features are computed again from the rounds before, which gives the same numbers as when the models were asked.
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
