"""How much simulated people weigh the values of moves: a stated prior, because recordings have no values."""

from typing import Literal, TypeAlias, get_args

ValuePrior: TypeAlias = Literal["none", "moderate", "strong"]
VALUE_PRIORS: tuple[ValuePrior, ...] = get_args(ValuePrior)
DEFAULT_VALUE_PRIOR: ValuePrior = "moderate"
