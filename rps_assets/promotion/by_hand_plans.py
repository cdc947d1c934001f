"""Promotions by hand on paper: a request becomes moves of aliases and a ledger entry.

`rps_assets.promotion.by_hand` applies them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from rps_core.errors import RpsError
from rps_core.game.families import ALIASES, Alias, Family, parse_alias, parse_family
from rps_core.promotion.comparison import continued_comparison
from rps_core.promotion.ledger_entry import SWAP, AliasAssignment, Decision, LedgerEntry
from rps_core.promotion.policy import judged_comparison
from rps_core.promotion.progress import comparison_progress
from rps_core.promotion.rules import PromotionRules, counted_players
from rps_core.promotion.standing import SlotContent, Standing
from rps_core.promotion.statistics import two_proportion_z
from rps_core.promotion.tickers import next_cycle, with_family_tickers

SOURCE = "manual"
MIN_REASON_LENGTH = 3
# Far more entries of the ledger than lie between two moves of one family; most entries move none.
HISTORY_LIMIT = 500


class InvalidPromotion(RpsError, ValueError):
    """A requested promotion is not possible; the message says why and what to do."""


class AliasMove(NamedTuple):
    """A slot that gets a version, or swaps versions with another slot (by default Production)."""

    family: Family
    alias: Alias
    version: str | None
    other: Alias = "Production"


def parse_alias_move(text: str) -> AliasMove:
    """Read ``family@alias``, ``family@alias:other`` or ``family@alias=version``.

    Raises:
        InvalidPromotion: the text has another form, or the version is not a number.
        UnknownModelSlot: there is no such family or alias.
    """
    slot, equals, version = text.strip().partition("=")
    family, at, aliases = slot.partition("@")
    alias, colon, other = aliases.partition(":")
    if not at or (equals and (colon or not version.strip().isdecimal())):
        raise InvalidPromotion(
            f"{text!r} is not a slot; write family@alias, family@alias:other or family@alias=version, like xgboost@B"
        )
    return AliasMove(
        parse_family(family),
        parse_alias(alias),
        version.strip() or None,
        parse_alias(other) if colon else "Production",
    )


def plan_moves(moves: Iterable[AliasMove], held: Mapping[Alias, str]) -> dict[Alias, str]:
    """Return the new version of each slot of one family, without slots that keep their version.

    A move without a version swaps two slots, so that no version is lost.

    Args:
        moves: moves of one family.
        held: version in each filled slot.

    Raises:
        InvalidPromotion: a slot is empty, is named twice, or would change places with itself.
    """
    wanted: dict[Alias, str] = {}
    for move in moves:
        requested = {move.alias: move.version} if move.version else _exchange(move, held)
        twice = wanted.keys() & requested.keys()
        if twice:
            raise InvalidPromotion(f"{move.family}: {', '.join(sorted(twice))} is named twice; name each slot once")
        wanted |= {alias: version for alias, version in requested.items() if version}
    return {alias: version for alias, version in wanted.items() if held.get(alias) != version}


def _exchange(move: AliasMove, held: Mapping[Alias, str]) -> dict[Alias, str]:
    alias, other = move.alias, move.other
    if alias == other == "Production":
        raise InvalidPromotion(
            f"{move.family}@Production is Production already; name a version, or the slot to promote"
        )
    if alias == other:
        raise InvalidPromotion(f"{move.family}@{alias} cannot change places with itself")
    empty = [slot for slot in (other, alias) if slot not in held]
    if empty:
        raise InvalidPromotion(f"{move.family} has no version at {' and '.join(empty)}; nothing can change places")
    return {other: held[alias], alias: held[other]}


def plan_rollback(
    family: Family, held: Mapping[Alias, str], history: Sequence[LedgerEntry], replaced: Mapping[Alias, str]
) -> dict[Alias, str]:
    """Return the versions that the slots held before the last change of the family.

    The last change is the newest ledger entry that moved an alias, if the slots still hold its versions. Otherwise a
    training has come since, and each slot goes back to the version that its current one replaced.

    Args:
        family: the family to roll back.
        held: version in each filled slot.
        history: ledger entries of the family, newest first.
        replaced: for each slot, the version that the training of its current one replaced, if known.

    Raises:
        InvalidPromotion: neither the history nor `replaced` names a version to go back to.
    """
    for entry in history:
        moved = [slot for slot in entry.alias_assignments if slot.changed and slot.previous_version]
        if not moved:
            continue
        before = {alias: slot.previous_version for slot in moved for alias in ALIASES if alias == slot.alias}
        if all(held.get(alias) == slot.version for slot in moved for alias in ALIASES if alias == slot.alias):
            return {alias: version for alias, version in before.items() if version}
        break
    back = {alias: version for alias, version in replaced.items() if alias in held and held[alias] != version}
    if not back:
        raise InvalidPromotion(
            f"{family}: neither the ledger nor the versions name a version to go back to; nothing was moved"
        )
    return back


def require_reason(reason: str) -> str:
    """Return the reason without surrounding spaces.

    Raises:
        InvalidPromotion: the reason is too short.
    """
    if len(reason.strip()) < MIN_REASON_LENGTH:
        raise InvalidPromotion(
            f"the reason {reason.strip()!r} is too short: the ledger keeps it, so write at least {MIN_REASON_LENGTH} "
            "characters"
        )
    return reason.strip()


def manual_entry(
    family: Family,
    standing: Standing,
    moved_in: Mapping[Alias, SlotContent],
    newest: LedgerEntry | None,
    cycles_since_swap: int,
    rules: PromotionRules,
    reason: str,
    now: datetime,
) -> LedgerEntry:
    """Return the ledger entry of moves by hand.

    Args:
        family: the family to move.
        standing: the slots before the moves, and their comparison.
        moved_in: new content of each slot that changes.
        newest: the newest decision of the family, if any.
        cycles_since_swap: number of entries of the family after its last swap.
        rules: who counts.
        reason: why the person moves them.
        now: the current time.
    """
    held = {alias: content.version for alias, content in standing.slots.items()}
    after = {**standing.slots, **moved_in}
    changes = {alias: content.version for alias, content in moved_in.items()}
    counted = counted_players(standing.counts, rules)
    counts, progress = counted.counts, comparison_progress(counted, rules)
    test = two_proportion_z(counts.b_wins, counts.b_games, counts.production_wins, counts.production_games)
    decision = decision_of(held, changes)
    sources = {version: alias for alias, version in held.items()}
    # A swap of equal configurations is a new comparison, too: their records change places.
    known = None if decision == SWAP else standing.comparison
    entry = LedgerEntry(
        model_type=family,
        decision=decision,
        created_at=now,
        z_statistic=test.z,
        p_value=test.p,
        production_wins=counts.production_wins,
        production_total_games=counts.production_games,
        b_wins=counts.b_wins,
        b_total_games=counts.b_games,
        reorder_applied=decision != SWAP and bool(changes),
        alias_assignments=tuple(
            AliasAssignment(
                alias=alias,
                version=changes.get(alias, held.get(alias)),
                source_alias=sources.get(changes.get(alias, held.get(alias, ""))),
                previous_version=held.get(alias),
                changed=alias in changes,
            )
            for alias in ALIASES
            if alias in held or alias in changes
        ),
        reason=f"by hand: {reason}",
        source=SOURCE,
        cycle=next_cycle(newest),
        comparison=judged_comparison(standing.comparison, progress),
        open_comparison=continued_comparison(
            known, {alias: content.configuration for alias, content in after.items()}, now
        ),
    )
    return with_family_tickers(entry, newest, cycles_since_swap)


def decision_of(held: Mapping[Alias, str], changes: Mapping[Alias, str]) -> Decision:
    """Return the name of the decision in the ledger: a swap of Production and B, or another move."""
    swapped = {"Production": held.get("B"), "B": held.get("Production")}
    return SWAP if dict(changes) == swapped else "alias_reorder"
