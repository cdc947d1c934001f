"""The reason of a promotion decision as text for the ledger: short parts separated by bars."""

from collections.abc import Mapping, Sequence

from rps_core.promotion.progress import Progress
from rps_core.promotion.records import VersionRecord
from rps_core.promotion.rules import PromotionRules
from rps_core.promotion.statistics import TwoProportionTest


def reason_text(
    missing_slots: Sequence[str],
    progress: Progress,
    test: TwoProportionTest,
    contestants: tuple[VersionRecord, VersionRecord],
    challengers: Sequence[tuple[str, str, VersionRecord]],
    *,
    reordered: bool,
    rules: PromotionRules,
    excluded: Mapping[str, int],
) -> str:
    """Return the reason of a decision.

    Args:
        missing_slots: the empty slots among Production and B.
        progress: the comparison that the policy decided by.
        test: z and p, which every reason contains.
        contestants: the records of Production and B.
        challengers: for each challenger in order: its slot, the slot that its version comes from, and its record.
        reordered: whether challengers changed slots.
        rules: the rules of the decision.
        excluded: number of games that do not count, by kind of player.
    """
    production, b = contestants
    headline = (
        f"no version in slot {' and '.join(missing_slots)}" if missing_slots else headline_of(progress, contestants)
    )
    parts = [
        headline,
        f"Production won {production.wins} of {production.decided_games} ({production.ties} ties), "
        f"B {b.wins} of {b.decided_games} ({b.ties} ties)",
    ]
    if excluded:
        games = " and ".join(f"{count} games of {kind} players" for kind, count in sorted(excluded.items()))
        parts.append(f"not counted: {games}; PROMOTION_PLAYER_KINDS counts {','.join(rules.player_kinds)}")
    parts += [
        "z and p are not available" if test.z is None else f"z = {test.z:.3f}, p = {test.p:.4f}",
        "challengers reordered" if reordered else "challengers keep their slots",
        "correct predictions: " + ", ".join(_challenger(*challenger) for challenger in challengers),
    ]
    return " | ".join(parts)


def headline_of(progress: Progress, contestants: tuple[VersionRecord, VersionRecord]) -> str:
    """Return the main reason of a decision as one sentence."""
    production, b = contestants
    if not progress.has_games:
        return (
            f"{progress.policy} needs {progress.games_needed} decided games on each side; Production has "
            f"{production.decided_games} and B has {b.decided_games}"
        )
    if progress.policy == "lead":
        return "lead: B leads" if progress.is_reached else "lead: B does not lead"
    if progress.policy == "z_test":
        z = "z is not available" if progress.evidence is None else f"z = {progress.evidence:.3f}"
        return f"z_test: {z}; a swap needs {progress.threshold:.3f}"
    return (
        f"sequential: the evidence that B is better is {progress.evidence:.4g}; a swap needs {progress.threshold:.4g}"
    )


def _challenger(slot: str, source: str, record: VersionRecord) -> str:
    bound = f", at least {record.accuracy_at_least:.1%}" if record.predictions else ""
    return f"{slot} from {source} ({record.correct}/{record.predictions}{bound})"
