"""Everything that a promotion decision depends on, as plain values."""

from collections.abc import Mapping
from typing import NamedTuple

from rps_core.game.families import Alias
from rps_core.promotion.comparison import Counts, OpenComparison
from rps_core.promotion.records import VersionRecord


class SlotContent(NamedTuple):
    """The version in a slot, its configuration, and the dataset it was trained on."""

    version: str
    configuration: str
    generation: str = ""


class Standing(NamedTuple):
    """Everything that a decision about a family depends on.

    Attributes:
        slots: content of each filled slot.
        comparison: the open comparison, with its settled games; None if Production or B is empty.
        is_new: whether this decision opens the comparison. It then decides nothing.
        counts: the comparison against each group of players.
        accuracies: predictions of the configuration in each slot, against the players who count.
    """

    slots: Mapping[Alias, SlotContent]
    comparison: OpenComparison | None
    is_new: bool
    counts: Counts
    accuracies: Mapping[Alias, VersionRecord]
