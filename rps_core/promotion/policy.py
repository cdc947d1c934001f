"""The promotion decision of one family: swap Production and B or not, and in which order challengers stand.

Contestants are model versions with the record each of them earned, never alias labels: in the original a promoted model
inherited the loser's record and was swapped back in the next cycle. Nothing here writes anything.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, TypeAlias

from rps_core.families import ALIASES, Alias, Family
from rps_core.promotion.statistics import TwoProportionTest, two_proportion_z
from rps_core.store.analytics import VersionPerformance
from rps_core.store.ledger import AliasAccuracy, AliasAssignment, AliasRanking, Decision

PolicyName: TypeAlias = Literal["lead", "z_test"]

CHALLENGERS: tuple[Alias, ...] = ("B", "shadow1", "shadow2")
# The original's rule asked for three games a side and let any lead win.
LEAD_MIN_GAMES = 3


class PromotionRules(NamedTuple):
    """How a promotion is decided.

    Attributes:
        policy: `lead` is the original's rule, `z_test` asks for `min_games` a side and p < `alpha`.
        min_games: decided games (won or lost) each side needs under `z_test`.
        alpha: one-sided error level of `z_test`.
        min_predictions: predictions a challenger needs before its accuracy moves it.
        player_kinds: whose games count.
    """

    policy: PolicyName = "z_test"
    min_games: int = 30
    alpha: float = 0.05
    min_predictions: int = 100
    player_kinds: tuple[str, ...] = ("human", "scripted")


class VersionRecord(NamedTuple):
    """What a version achieved over the counted kinds of players."""

    wins: int = 0
    losses: int = 0
    ties: int = 0
    predictions: int = 0
    correct: int = 0

    @property
    def decided_games(self) -> int:
        """Games won or lost: a tie says nothing about which side is better."""
        return self.wins + self.losses

    @property
    def win_rate(self) -> float:
        """Share of the decided games that the bot won; 0 without games."""
        return self.wins / self.decided_games if self.decided_games else 0.0

    @property
    def accuracy(self) -> float | None:
        """Share of correct predictions; None without predictions."""
        return self.correct / self.predictions if self.predictions else None


class PromotionPlan(NamedTuple):
    """A decision with its evidence; `assignments` is what the slots should hold."""

    family: Family
    decision: Decision
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


def records_by_version(
    performance: Iterable[VersionPerformance], family: Family, player_kinds: Iterable[str]
) -> dict[str, VersionRecord]:
    """Sum what each version of a family achieved over the counted kinds of players."""
    counted, records = set(player_kinds), dict[str, VersionRecord]()
    for row in performance:
        if row.family == family and row.player_kind in counted:
            old = records.get(row.version, VersionRecord())
            added = (row.wins, row.losses, row.ties, row.predictions, row.correct)
            records[row.version] = VersionRecord(*(have + more for have, more in zip(old, added, strict=True)))
    return records


def plan_promotion(
    family: Family, assigned: Mapping[Alias, str], records: Mapping[str, VersionRecord], rules: PromotionRules
) -> PromotionPlan:
    """Decide one cycle of one family.

    Args:
        family: whose slots are decided.
        assigned: version in each filled slot; a missing slot takes no part.
        records: what each version achieved; a version without a record has played nothing.
        rules: how to decide.
    """
    record_of = {alias: records.get(version, VersionRecord()) for alias, version in assigned.items()}
    production, b = record_of.get("Production", VersionRecord()), record_of.get("B", VersionRecord())
    test = two_proportion_z(b.wins, b.decided_games, production.wins, production.decided_games)
    decision, headline = _decide_swap(assigned, production, b, test, rules)
    sources: dict[Alias, Alias] = {alias: alias for alias in ALIASES if alias in assigned}
    if decision == "swap_production_b":
        sources |= {"Production": "B", "B": "Production"}
    ranked = _rank_challengers([sources[alias] for alias in CHALLENGERS if alias in sources], record_of, rules)
    before = dict(sources)
    sources |= dict(zip([alias for alias in CHALLENGERS if alias in sources], ranked, strict=True))
    reordered = sources != before
    return PromotionPlan(
        family=family,
        decision=decision,
        test=test,
        production=production,
        b=b,
        rankings=tuple(
            AliasRanking(
                alias=alias,
                rank=rank,
                source_alias=sources[alias],
                accuracy=record_of[sources[alias]].accuracy,
                total_predictions=record_of[sources[alias]].predictions,
            )
            for rank, alias in enumerate((alias for alias in CHALLENGERS if alias in sources), start=1)
        ),
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
        reorder_applied=reordered,
        reason=_reason(headline, production, b, test, sources, record_of, reordered),
    )


def _decide_swap(
    assigned: Mapping[Alias, str],
    production: VersionRecord,
    b: VersionRecord,
    test: TwoProportionTest,
    rules: PromotionRules,
) -> tuple[Decision, str]:
    missing = [alias for alias in ("Production", "B") if alias not in assigned]
    if missing:
        return "insufficient_data", f"no version in slot {' and '.join(missing)}"
    needed = LEAD_MIN_GAMES if rules.policy == "lead" else rules.min_games
    if min(production.decided_games, b.decided_games) < needed:
        return "insufficient_data", (
            f"{rules.policy} needs {needed} decided games a side, found Production {production.decided_games} "
            f"and B {b.decided_games}"
        )
    leads = b.win_rate > production.win_rate
    if rules.policy == "lead":
        return ("swap_production_b", "B leads") if leads else ("retain_production", "B does not lead")
    if leads and test.p is not None and test.p < rules.alpha:
        return "swap_production_b", f"B leads with p below {rules.alpha:g}"
    return "retain_production", f"B does not lead with p below {rules.alpha:g}"


def _rank_challengers(
    sources: list[Alias], record_of: Mapping[Alias, VersionRecord], rules: PromotionRules
) -> list[Alias]:
    """Sort those with enough predictions among the places they hold; the others keep their place."""
    proven = [source for source in sources if record_of[source].predictions >= rules.min_predictions]
    order = sorted(proven, key=lambda s: (-(record_of[s].accuracy or 0.0), -record_of[s].predictions))
    places = iter(order)
    return [next(places) if source in proven else source for source in sources]


def _reason(
    headline: str,
    production: VersionRecord,
    b: VersionRecord,
    test: TwoProportionTest,
    sources: Mapping[Alias, Alias],
    record_of: Mapping[Alias, VersionRecord],
    reordered: bool,
) -> str:
    figures = "z and p not available" if test.z is None else f"z = {test.z:.3f}, p = {test.p:.4f}"
    order = ", ".join(
        f"{alias} from {sources[alias]} ({record_of[sources[alias]].correct}/{record_of[sources[alias]].predictions})"
        for alias in CHALLENGERS
        if alias in sources
    )
    parts = [
        headline,
        f"Production won {production.wins} of {production.decided_games} ({production.ties} ties), "
        f"B {b.wins} of {b.decided_games} ({b.ties} ties)",
        figures,
        "challengers reordered" if reordered else "challengers keep their order",
        f"correct predictions: {order}",
    ]
    return " | ".join(parts)
