"""The population that simulated people are drawn from: a mixture of types, and how much people weigh the values.

A type is a multinomial logit over the *step*: staying with the own last move, going up to the move that beats it, or
down to the move that it beats. Its parameters were fitted on recordings of classic games; `parameters.json` names the
source, the licence and the script. Recordings have no values, so the weight of values is a stated prior, not a
measurement.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from rps_core.simulation.people.priors import ValuePrior

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
PARAMETERS_FILE = Path(__file__).with_name("parameters.json")

# Shares of the levels of reasoning about values, by prior: level 0 likes the valuable move, level 1 answers level 0,
# level 2 answers level 1.
_LEVELS: dict[ValuePrior, tuple[float, float, float]] = {
    "none": (1.0, 0.0, 0.0),
    "moderate": (0.5, 0.35, 0.15),
    "strong": (0.4, 0.4, 0.2),
}


class PersonType(msgspec.Struct, frozen=True):
    """One type of person.

    Attributes:
        share: share of the population.
        lapse: probability of a move drawn uniformly.
        weights: logit weights in the order of `rps_core.simulation.people.crowd`.
    """

    share: float
    lapse: float
    weights: tuple[float, ...]


class Population(msgspec.Struct, frozen=True):
    """Types of people.

    Attributes:
        source, licence, fitted_by: where the parameters come from.
        first_move: probabilities of rock, paper and scissors in the first round.
    """

    source: str
    licence: str
    fitted_by: str
    first_move: tuple[float, float, float]
    types: tuple[PersonType, ...]


class Traits(NamedTuple):
    """What stays the same in all games of each person; arrays over people.

    Attributes:
        types: positions in `Population.types`.
        levels: levels of reasoning about values, 0 to 2.
        value_weights: log-odds that one point of value adds.
    """

    types: IntArray
    levels: IntArray
    value_weights: FloatArray

    def of(self, people: IntArray) -> "Traits":
        """Return the traits of these people, in this order."""
        return Traits(self.types[people], self.levels[people], self.value_weights[people])


@cache
def shipped_population() -> Population:
    """Return the population of this release."""
    return msgspec.json.decode(PARAMETERS_FILE.read_bytes(), type=Population)


def draw_people(population: Population, prior: ValuePrior, count: int, random: np.random.Generator) -> Traits:
    """Draw the traits of `count` people."""
    shares = np.array([each.share for each in population.types])
    types = random.choice(len(shares), count, p=shares / shares.sum())
    levels = random.choice(3, count, p=_LEVELS[prior])
    if prior == "none":
        return Traits(types, levels, np.zeros(count))
    weights = random.exponential(1.0, count) if prior == "moderate" else random.uniform(1.0, 4.0, count)
    return Traits(types, levels, weights)
