"""The promotion decision of one family: whether to swap Production and B, and how to rank the challengers.

Configurations compete, over all versions that were trained of them, and not alias labels. In the original system, a
promoted model inherited the record of the loser, so the next cycle swapped it back. The functions here are pure.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from rps_core.game.families import ALIASES, Alias, Family
from rps_core.promotion.comparison import (
    ComparisonCounts,
    OpenComparison,
    continued_comparison,
    start_comparison,
)
from rps_core.promotion.ledger_entry import (
    SWAP,
    AliasAccuracy,
    AliasAssignment,
    AliasRanking,
    ComparedConfigurations,
    Decision,
)
from rps_core.promotion.progress import Progress, comparison_progress
from rps_core.promotion.reasons import reason_text
from rps_core.promotion.records import VersionRecord
from rps_core.promotion.rules import CountedPlayers, PromotionRules, counted_players
from rps_core.promotion.standing import SlotContent, Standing
from rps_core.promotion.statistics import TwoProportionTest, two_proportion_z

CHALLENGERS: tuple[Alias, ...] = ("B", "shadow1", "shadow2")


class PromotionPlan(NamedTuple):
    """A decision with its evidence.

    Attributes:
        progress: the comparison that the policy decided by.
        counted: the players whose games decided, and the counts against them.
        test: z and p for the dashboards, under every policy.
        assignments: the version that each filled slot should hold.
        judged: the comparison for the ledger.
        open_comparison: the comparison from which the next decision goes on.
    """

    family: Family
    decision: Decision
    progress: Progress
    counted: CountedPlayers
    test: TwoProportionTest
    rankings: tuple[AliasRanking, ...]
    accuracies: tuple[AliasAccuracy, ...]
    assignments: tuple[AliasAssignment, ...]
    reorder_applied: bool
    judged: ComparedConfigurations | None
    open_comparison: OpenComparison | None
    reason: str

    @property
    def counts(self) -> ComparisonCounts:
        """The counts against the players whose games decided."""
        return self.counted.counts

    @property
    def changes(self) -> dict[Alias, str]:
        """The new version of each slot that changes."""
        return {slot.alias: slot.version for slot in self.assignments if slot.changed and slot.version}  # type: ignore[misc]


def plan_promotion(family: Family, standing: Standing, rules: PromotionRules, now: datetime) -> PromotionPlan:
    """Decide one cycle of one family."""
    counted = counted_players(standing.counts, rules)
    counts, progress = counted.counts, comparison_progress(counted, rules)
    test = two_proportion_z(counts.b_wins, counts.b_games, counts.production_wins, counts.production_games)
    decision = _decide_swap(standing, progress)
    swapped: dict[Alias, Alias] = {alias: alias for alias in ALIASES if alias in standing.slots}
    if decision == SWAP:
        swapped |= {"Production": "B", "B": "Production"}
    record_of = {alias: standing.accuracies.get(alias, VersionRecord()) for alias in standing.slots}
    sources = rank_challengers(swapped, record_of, rules)
    after: dict[Alias, str] = {alias: standing.slots[source].configuration for alias, source in sources.items()}
    return PromotionPlan(
        family=family,
        decision=decision,
        progress=progress,
        counted=counted,
        test=test,
        rankings=_rankings(sources, record_of),
        accuracies=_accuracies(record_of),
        assignments=_assignments(sources, standing.slots),
        reorder_applied=sources != swapped,
        judged=judged_comparison(standing.comparison, progress),
        open_comparison=_next_comparison(standing, sources, after, now),
        reason=reason_text(
            standing,
            progress,
            counted,
            test,
            [(alias, sources[alias], record_of[sources[alias]]) for alias in CHALLENGERS if alias in sources],
            reordered=sources != swapped,
            rules=rules,
        ),
    )


def judged_comparison(comparison: OpenComparison | None, progress: Progress) -> ComparedConfigurations | None:
    """Return a comparison as the ledger and the pages show it."""
    if comparison is None:
        return None
    return ComparedConfigurations(
        started_at=comparison.started_at,
        production=comparison.production,
        b=comparison.b,
        players=progress.players,
        generations=progress.generations,
        pairs=progress.pairs,
        b_pairs=progress.b_pairs,
        production_pairs=progress.production_pairs,
        evidence=progress.evidence,
        threshold=progress.threshold,
    )


def _decide_swap(standing: Standing, progress: Progress) -> Decision:
    if standing.comparison is None or standing.is_new or not progress.has_games:
        return "insufficient_data"
    return SWAP if progress.is_reached else "retain_production"


def _next_comparison(
    standing: Standing, sources: Mapping[Alias, Alias], after: Mapping[Alias, str], now: datetime
) -> OpenComparison | None:
    """Return the comparison after the decision: another one if Production or B got another configuration.

    Two slots may hold the same configuration. Their versions still change places, so that the counts start at zero.
    """
    if standing.comparison is not None and (sources["Production"], sources["B"]) != ("Production", "B"):
        return start_comparison(after["Production"], after["B"], now)
    return continued_comparison(standing.comparison, after, now)


def rank_challengers(
    sources: Mapping[Alias, Alias], record_of: Mapping[Alias, VersionRecord], rules: PromotionRules
) -> dict[Alias, Alias]:
    """Return, for each slot, the slot that its version comes from after ranking the challengers.

    Challengers with enough predictions are sorted among their slots by the lower bound of their accuracy; the others
    keep their slots. Equal bounds are sorted by predictions, then by slot. A change of B ends its comparison with
    Production. So B only gives way to a challenger whose lower bound exceeds B's upper bound.
    """
    slots = [alias for alias in CHALLENGERS if alias in sources]
    proven = [alias for alias in slots if record_of[sources[alias]].predictions >= rules.min_predictions]
    best_first = sorted(
        (sources[alias] for alias in proven),
        key=lambda source: (-record_of[source].accuracy_at_least, -record_of[source].predictions),
    )
    if proven[:1] == ["B"]:
        held = sources["B"]
        if record_of[best_first[0]].accuracy_at_least <= record_of[held].accuracy_at_most:
            best_first = [held, *(source for source in best_first if source != held)]
    return dict(sources) | dict(zip(proven, best_first, strict=True))


def _rankings(sources: Mapping[Alias, Alias], record_of: Mapping[Alias, VersionRecord]) -> tuple[AliasRanking, ...]:
    slots = [alias for alias in CHALLENGERS if alias in sources]
    return tuple(
        AliasRanking(
            alias=alias,
            rank=rank,
            source_alias=sources[alias],
            accuracy=record_of[sources[alias]].accuracy,
            total_predictions=record_of[sources[alias]].predictions,
        )
        for rank, alias in enumerate(slots, start=1)
    )


def _accuracies(record_of: Mapping[Alias, VersionRecord]) -> tuple[AliasAccuracy, ...]:
    return tuple(
        AliasAccuracy(alias=alias, source_alias=alias, accuracy=record.accuracy, total_predictions=record.predictions)
        for alias, record in record_of.items()
    )


def _assignments(sources: Mapping[Alias, Alias], slots: Mapping[Alias, SlotContent]) -> tuple[AliasAssignment, ...]:
    return tuple(
        AliasAssignment(
            alias=alias,
            version=slots[source].version,
            source_alias=source,
            previous_version=slots[alias].version,
            changed=slots[source].version != slots[alias].version,
        )
        for alias, source in sources.items()
    )
