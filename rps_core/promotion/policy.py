"""The promotion decision of one family: swap Production and B or not, and in which order challengers stand.

Contestants are model versions with the record each of them earned, never alias labels: in the original a promoted model
inherited the loser's record and was swapped back in the next cycle. Nothing here writes anything.
"""

from collections.abc import Mapping
from typing import NamedTuple

from rps_core.game.families import ALIASES, Alias, Family
from rps_core.promotion.ledger_entry import AliasAccuracy, AliasAssignment, AliasRanking, Decision
from rps_core.promotion.progress import ComparisonProgress, comparison_progress
from rps_core.promotion.reasons import reason_text
from rps_core.promotion.records import VersionRecord
from rps_core.promotion.rules import PromotionRules
from rps_core.promotion.statistics import TwoProportionTest, two_proportion_z

CHALLENGERS: tuple[Alias, ...] = ("B", "shadow1", "shadow2")


class PromotionPlan(NamedTuple):
    """A decision with its evidence; `assignments` is what the slots should hold.

    `progress` is what the policy decided by; `test` is telemetry, whatever the policy.
    """

    family: Family
    decision: Decision
    progress: ComparisonProgress
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
        """Slots that get another version."""
        return {slot.alias: slot.version for slot in self.assignments if slot.changed and slot.version}  # type: ignore[misc]


def plan_promotion(
    family: Family,
    assigned: Mapping[Alias, str],
    records: Mapping[str, VersionRecord],
    rules: PromotionRules,
    left_out: Mapping[str, int] | None = None,
) -> PromotionPlan:
    """Decide one cycle of one family.

    Args:
        family: whose slots are decided.
        assigned: version in each filled slot; a missing slot takes no part.
        records: what each version achieved; a version without a record has played nothing.
        rules: how to decide.
        left_out: games of Production and B that do not count, by kind of player; the reason names them.
    """
    record_of = {alias: records.get(version, VersionRecord()) for alias, version in assigned.items()}
    production, b = record_of.get("Production", VersionRecord()), record_of.get("B", VersionRecord())
    progress = comparison_progress(b.wins, b.decided_games, production.wins, production.decided_games, rules)
    test = two_proportion_z(b.wins, b.decided_games, production.wins, production.decided_games)
    decision = _decide_swap(assigned, progress)
    swapped: dict[Alias, Alias] = {alias: alias for alias in ALIASES if alias in assigned}
    if decision == "swap_production_b":
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
        accuracies=tuple(
            AliasAccuracy(
                alias=alias, source_alias=alias, accuracy=record.accuracy, total_predictions=record.predictions
            )
            for alias, record in record_of.items()
        ),
        assignments=tuple(
            AliasAssignment(
                alias=alias,
                version=assigned[source],
                source_alias=source,
                previous_version=assigned[alias],
                changed=assigned[source] != assigned[alias],
            )
            for alias, source in sources.items()
        ),
        reorder_applied=sources != swapped,
        reason=reason_text(
            [alias for alias in ("Production", "B") if alias not in assigned],
            progress,
            test,
            (production, b),
            [(alias, sources[alias], record_of[sources[alias]]) for alias in CHALLENGERS if alias in sources],
            reordered=sources != swapped,
            rules=rules,
            left_out=left_out or {},
        ),
    )


def _decide_swap(assigned: Mapping[Alias, str], progress: ComparisonProgress) -> Decision:
    if not {"Production", "B"} <= set(assigned) or not progress.has_games:
        return "insufficient_data"
    return "swap_production_b" if progress.is_reached else "retain_production"


def _rank_challengers(
    sources: Mapping[Alias, Alias], record_of: Mapping[Alias, VersionRecord], rules: PromotionRules
) -> dict[Alias, Alias]:
    """Return where each slot's version comes from once the challengers stand in order.

    Those with enough predictions are sorted, by the accuracy they have at least, among the places they hold; the others
    keep their place. Equal ones are sorted by predictions, then by the slot they hold.
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
