"""The reason of a promotion decision as text for the ledger: short parts separated by bars."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from rps_core.game.families import Alias
from rps_core.promotion.comparison import Counts, PlayerGroup
from rps_core.promotion.forecast import Forecast
from rps_core.promotion.progress import Progress
from rps_core.promotion.records import VersionRecord
from rps_core.promotion.rules import CountedPlayers, PromotionRules
from rps_core.promotion.standing import SlotContent, Standing
from rps_core.promotion.statistics import TwoProportionTest


def reason_text(
    standing: Standing,
    progress: Progress,
    counted: CountedPlayers,
    test: TwoProportionTest,
    challengers: Sequence[tuple[str, str, VersionRecord]],
    *,
    reordered: bool,
    rules: PromotionRules,
) -> str:
    """Return the reason of a decision.

    Args:
        standing: what the decision depends on.
        progress: the comparison that the policy decided by.
        counted: the players whose games count, and the counts against them.
        test: z and p, which every reason contains.
        challengers: for each challenger in order: its slot, the slot that its version comes from, and its record.
        reordered: whether challengers changed slots.
        rules: the rules of the decision.
    """
    counts, comparison = counted.counts, standing.comparison
    missing = [alias for alias in ("Production", "B") if alias not in standing.slots]
    headline = headline_of(progress, counted)
    if missing:
        headline = f"no version in slot {' and '.join(missing)}"
    elif standing.is_new and comparison is not None:
        headline = f"a comparison of {comparison.production} in Production with {comparison.b} in B starts"
    notes = (
        race_sentence(comparison.production, comparison.b, progress) if comparison is not None else "",
        f"Production won {counts.production_wins} of {counts.production_games} ({counts.production_ties} ties), "
        f"B {counts.b_wins} of {counts.b_games} ({counts.b_ties} ties)",
        unequal_datasets(standing.slots),
        counted.note,
        not_counted(standing.counts, counted, rules),
        "z and p are not available" if test.z is None else f"z = {test.z:.3f}, p = {test.p:.4f}",
        "challengers reordered" if reordered else "challengers keep their slots",
        "correct predictions: " + ", ".join(_challenger(*challenger) for challenger in challengers),
    )
    return " | ".join([headline, *(note for note in notes if note)])


def standing_sentence(standing: Standing, progress: Progress, counted: CountedPlayers, rules: PromotionRules) -> str:
    """Return how a comparison stands, and why it does not move, for pages and terminals."""
    comparison = standing.comparison
    if comparison is None:
        missing = [alias for alias in ("Production", "B") if alias not in standing.slots]
        return f"nothing is compared: no version in slot {' and '.join(missing)}"
    notes = (
        race_sentence(comparison.production, comparison.b, progress),
        "" if progress.has_games else headline_of(progress, counted),
        unequal_datasets(standing.slots),
        counted.note,
        not_counted(standing.counts, counted, rules),
    )
    return "; ".join(note for note in notes if note)


def headline_of(progress: Progress, counted: CountedPlayers) -> str:
    """Return the main reason of a decision as one sentence."""
    counts = counted.counts
    if not progress.has_games:
        return (
            f"{progress.policy} needs {progress.games_needed} decided games on each side; Production has "
            f"{counts.production_games} and B has {counts.b_games}"
        )
    if progress.policy == "lead":
        return "lead: B leads" if progress.is_reached else "lead: B does not lead"
    if progress.policy == "z_test":
        z = "z is not available" if progress.evidence is None else f"z = {progress.evidence:.3f}"
        return f"z_test: {z}; a swap needs {progress.threshold:.3f}"
    return (
        f"sequential: the evidence that B is better is {progress.evidence:.4g}; a swap needs {progress.threshold:.4g}"
    )


def race_sentence(production: str, b: str, progress: Progress) -> str:
    """Return how two configurations stand, as in "xgb_c03 leads xgb_c01 by 31 pairs to 18, evidence 4.2 of 40"."""
    won, lost = progress.b_pairs, progress.production_pairs
    if won == lost:
        race = f"{b} and {production} have won {_number(won, 'pair')} each"
    elif won > lost:
        race = f"{b} leads {production} by {_number(won, 'pair')} to {lost}"
    else:
        race = f"{b} trails {production} by {_number(won, 'pair')} to {lost}"
    if progress.policy == "sequential" and progress.evidence is not None:
        race += f", evidence {progress.evidence:.3g} of {progress.threshold:.4g}"
    return f"{race}, after {_number(progress.pairs, 'pair')} in {_number(progress.generations, 'generation')}"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def forecast_sentence(progress: Progress, expected: Forecast) -> str:
    """Return what a comparison still needs; empty for policies without a forecast."""
    if progress.policy != "sequential":
        return ""
    if progress.is_reached:
        return "B takes Production's place in the next decision"
    if expected.pairs is None:
        return "no date, because B does not lead clearly"
    if expected.at is None:
        return f"about {expected.pairs} more games a side; no date, because nobody plays"
    return f"about {expected.pairs} more games a side, at today's rate until {expected.at:%Y-%m-%d %H:%M} UTC"


def unequal_datasets(slots: Mapping[Alias, SlotContent]) -> str:
    """Return why games of the present versions form no pairs; empty if they do."""
    production, b = slots.get("Production"), slots.get("B")
    if production is None or b is None or production.generation == b.generation:
        return ""
    return (
        f"Production's version {production.version} and B's version {b.version} were trained on different datasets, "
        "so that their games form no pairs; the next training of both changes that"
    )


def not_counted(counts: Counts, counted: CountedPlayers, rules: PromotionRules) -> str:
    """Return how many games do not count, and why; empty if all do."""
    other: PlayerGroup | None = {"human": "scripted", "scripted": "human"}.get(counted.group)  # type: ignore[assignment]
    found = counts.get(other) if other else None
    games = found.finished_games if found else 0
    if not games:
        return ""
    if rules.is_auto:
        return f"not counted any more: {games} games of {other} players, because people have played enough"
    counts_only = ",".join(rules.player_kinds)
    return f"not counted: {games} games of {other} players; PROMOTION_PLAYER_KINDS counts {counts_only}"


def at_minute(moment: datetime) -> str:
    """Return a time of day for a sentence."""
    return f"{moment:%H:%M} UTC"


def _challenger(slot: str, source: str, record: VersionRecord) -> str:
    bound = f", at least {record.accuracy_at_least:.1%}" if record.predictions else ""
    return f"{slot} from {source} ({record.correct}/{record.predictions}{bound})"
