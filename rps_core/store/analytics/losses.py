"""Log loss of predictions in play: over the newest games, because the sum of a logarithm needs every row."""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection, select

from rps_core.game.families import ALIASES
from rps_core.game.moves import MOVE_INDEX
from rps_core.store.counting import counts_for_versions
from rps_core.store.game_rows import Predictor
from rps_core.store.schema import SLOT_COLUMNS, events, games, predictors

# About 25,000 predictions, which are read in a fifth of a second.
NEWEST_GAMES = 500
SMALLEST_PROBABILITY = 1e-9

_Key = TypeVar("_Key", bound=Hashable)


class PredictionLoss(NamedTuple):
    """The log loss of one prediction, in nats; a uniform prediction has 1.0986."""

    predictor: Predictor
    player_kind: str
    log_loss: float


def newest_losses(connection: Connection, newest: int = NEWEST_GAMES) -> list[PredictionLoss]:
    """Return the log loss of each prediction in the newest games that count for versions."""
    known = {number: Predictor(*values) for number, *values in connection.execute(select(predictors))}
    chosen = select(games.c.id).where(counts_for_versions()).order_by(games.c.created_ts_utc.desc()).limit(newest)
    slots = [events.c[name] for alias in ALIASES for name in SLOT_COLUMNS[alias]]
    rounds = select(games.c.player_kind, events.c.user_move, *slots).select_from(events.join(games))
    found = []
    for kind, move, *values in connection.execute(rounds.where(games.c.id.in_(select(chosen.subquery().c.id)))):
        for first in range(0, len(values), len(slots) // len(ALIASES)):
            if values[first] is not None:
                probability = max(values[first + 1 + MOVE_INDEX[move]], SMALLEST_PROBABILITY)
                found.append(PredictionLoss(known[values[first]], kind, -math.log(probability)))
    return found


def mean_losses(losses: Iterable[PredictionLoss], key: Callable[[PredictionLoss], _Key]) -> dict[_Key, float]:
    """Return the mean log loss by key."""
    groups: defaultdict[_Key, list[float]] = defaultdict(list)
    for one in losses:
        groups[key(one)].append(one.log_loss)
    return {name: math.fsum(values) / len(values) for name, values in groups.items()}
