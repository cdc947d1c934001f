"""The promotion decision of one family: whether to swap Production and B, and how to rank the challengers.

Model versions compete, each with its own record, and not alias labels. In the original system, a promoted model
inherited the record of the loser, so the next cycle swapped it back. The functions here are pure.
"""

from collections.abc import Mapping
from typing import NamedTuple

from rps_core.game.families import ALIASES, Alias, Family
from rps_core.promotion.ledger_entry import SWAP, AliasAccuracy, AliasAssignment, AliasRanking, Decision
from rps_core.promotion.progress import Progress, comparison_progress
from rps_core.promotion.reasons import reason_text
from rps_core.promotion.records import VersionRecord
from rps_core.promotion.rules import PromotionRules
from rps_core.promotion.statistics import TwoProportionTest, two_proportion_z

CHALLENGERS: tuple[Alias, ...] = ("B", "shadow1", "shadow2")


class PromotionPlan(NamedTuple):
    """A decision with its evidence.

    Attributes:
        progress: the comparison that the policy decided by.
        test: z and p for the dashboards, under every policy.
        assignments: the version that each filled slot should hold.
    """

    family: Family
    decision: Decision
    progress: Progress
    test: TwoProportionTest
    production: VersionRecord
    b: VersionRecord
    rankings: tuple[AliasRanking, ...]
    accuracies: tuple[AliasAccuracy, ...]
    assignments: tuple[AliasAssignment, ...]
    reorder_applied: bool
    reason: str

    @property
    def changes(self) -> dict[Alias, str]:
        """The new version of each slot that changes."""
        return {slot.alias: slot.version for slot in self.assignments if slot.changed and slot.version}  # type: ignore[misc]


def plan_promotion(
    family: Family,
    assigned: Mapping[Alias, str],
    records: Mapping[str, VersionRecord],
    rules: PromotionRules,
    excluded: Mapping[str, int] | None = None,
) -> PromotionPlan:
    """Decide one cycle of one family.

    Args:
        family: the family to decide.
        assigned: version in each filled slot; an empty slot is ignored.
        records: record of each version; a version without a record has not played.
        rules: the rules to decide by.
        excluded: number of games of Production and B that do not count, by kind of player, for the reason text.
    """
    record_of = {alias: records.get(version, VersionRecord()) for alias, version in assigned.items()}
    production, b = record_of.get("Production", VersionRecord()), record_of.get("B", VersionRecord())
    progress = comparison_progress(b.wins, b.decided_games, production.wins, production.decided_games, rules)
    test = two_proportion_z(b.wins, b.decided_games, production.wins, production.decided_games)
    decision = _decide_swap(assigned, progress)
    swapped: dict[Alias, Alias] = {alias: alias for alias in ALIASES if alias in assigned}
    if decision == SWAP:
        swapped |= {"Production": "B", "B": "Production"}
    sources = _rank_challengers(swapped, record_of, rules)
    return PromotionPlan(
        family=family,
        decision=decision,
        progress=progress,
        test=test,
        production=production,
        b=b,
        rankings=_rankings(sources, record_of),
        accuracies=_accuracies(record_of),
        assignments=_assignments(sources, assigned),
        reorder_applied=sources != swapped,
        reason=reason_text(
            [alias for alias in ("Production", "B") if alias not in assigned],
            progress,
            test,
            (production, b),
            [(alias, sources[alias], record_of[sources[alias]]) for alias in CHALLENGERS if alias in sources],
            reordered=sources != swapped,
            rules=rules,
            excluded=excluded or {},
        ),
    )


def _decide_swap(assigned: Mapping[Alias, str], progress: Progress) -> Decision:
    if not {"Production", "B"} <= set(assigned) or not progress.has_games:
        return "insufficient_data"
    return SWAP if progress.is_reached else "retain_production"


def _rank_challengers(
    sources: Mapping[Alias, Alias], record_of: Mapping[Alias, VersionRecord], rules: PromotionRules
) -> dict[Alias, Alias]:
    """Return, for each slot, the slot that its version comes from after ranking the challengers.

    Challengers with enough predictions are sorted among their slots by the lower bound of their accuracy; the others
    keep their slots. Equal bounds are sorted by predictions, then by slot.
    """
    slots = [alias for alias in CHALLENGERS if alias in sources]
    proven = [alias for alias in slots if record_of[sources[alias]].predictions >= rules.min_predictions]
    best_first = sorted(
        (sources[alias] for alias in proven),
        key=lambda source: (-record_of[source].accuracy_at_least, -record_of[source].predictions),
    )
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


def _assignments(sources: Mapping[Alias, Alias], assigned: Mapping[Alias, str]) -> tuple[AliasAssignment, ...]:
    return tuple(
        AliasAssignment(
            alias=alias,
            version=assigned[source],
            source_alias=source,
            previous_version=assigned[alias],
            changed=assigned[source] != assigned[alias],
        )
        for alias, source in sources.items()
    )
