"""What a person asks for by hand, checked before anything moves: the run and the command line use the same functions.

Each function names all wrong arguments at once.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from rps_assets.promotion.by_hand_plans import (
    AliasMove,
    InvalidPromotion,
    parse_alias_move,
    plan_moves,
    require_reason,
)
from rps_assets.training.parameters import Configuration, configuration
from rps_core.errors import RpsError
from rps_core.game.families import REGISTERED_NAMES, Alias, Family, parse_alias, parse_family

_T = TypeVar("_T")
# Tags that only versions of this product have.
_BUNDLE_TAGS = frozenset({"manifest_sha256", "model_sha256"})


class Promotion(NamedTuple):
    """The moves of each family, and why."""

    moves: Mapping[Family, Sequence[AliasMove]]
    reason: str


class _Problems:
    """Collects what is wrong with the arguments."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def reading(self, read: Callable[..., _T], *arguments: object) -> _T | None:
        """Return what `read` returns; None if it refuses the arguments."""
        try:
            return read(*arguments)
        except RpsError as error:
            self.texts.append(str(error))
            return None

    def refuse(self) -> None:
        """Raise an error if there was a problem."""
        if self.texts:
            raise InvalidPromotion("; ".join(dict.fromkeys(self.texts)))


def read_promotion(slots: Sequence[str], reason: str) -> Promotion:
    """Read slots to move, as `parse_alias_move` reads them.

    Raises:
        InvalidPromotion: names every wrong slot, and the reason if it is too short.
    """
    problems, moves = _Problems(), defaultdict[Family, list[AliasMove]](list)
    for text in slots:
        if (move := problems.reading(parse_alias_move, text)) is not None:
            moves[move.family].append(move)
    problems.reading(require_reason, reason)
    problems.refuse()
    return Promotion(dict(moves), require_reason(reason))


def read_rollback(family: str, reason: str) -> tuple[Family, str]:
    """Read a family to roll back.

    Raises:
        InvalidPromotion: the family is unknown, or the reason is too short.
    """
    problems = _Problems()
    problems.reading(parse_family, family)
    problems.reading(require_reason, reason)
    problems.refuse()
    return parse_family(family), require_reason(reason)


def read_configuration(name: str, alias: str, reason: str) -> tuple[Configuration, Alias, str]:
    """Read a configuration and the alias it is meant for.

    Raises:
        InvalidPromotion: the configuration or the alias is unknown, or the reason is too short.
    """
    problems = _Problems()
    problems.reading(configuration, name)
    problems.reading(parse_alias, alias)
    problems.reading(require_reason, reason)
    problems.refuse()
    return configuration(name), parse_alias(alias), require_reason(reason)


def plan_promotion(
    moves: Mapping[Family, Sequence[AliasMove]],
    held: Mapping[Family, Mapping[Alias, str]],
    tags_of: Callable[[Family, str], Mapping[str, str] | None],
) -> dict[Family, dict[Alias, str]]:
    """Return the new version of each slot, by family; see `plan_moves`.

    Args:
        moves: what to move.
        held: version in each filled slot of the families.
        tags_of: the tags of a registered version; None if it does not exist.

    Raises:
        InvalidPromotion: names every slot that cannot be filled, and every version that cannot be served.
    """
    problems, planned = _Problems(), dict[Family, dict[Alias, str]]()
    for family, wanted in moves.items():
        planned[family] = problems.reading(plan_moves, wanted, held[family]) or {}
        for version in dict.fromkeys(planned[family].values()):
            problems.reading(_require_servable, family, version, held[family], tags_of(family, version))
    problems.refuse()
    return planned


def _require_servable(family: Family, version: str, held: Mapping[Alias, str], tags: Mapping[str, str] | None) -> None:
    name = REGISTERED_NAMES[family]
    if tags is None:
        filled = ", ".join(f"{alias} {number}" for alias, number in held.items()) or "nothing"
        raise InvalidPromotion(f"{name} has no version {version}; its slots hold {filled}, and MLflow lists the others")
    if not tags.keys() >= _BUNDLE_TAGS:
        raise InvalidPromotion(f"{name} version {version} was not registered by this product; it cannot be served")


def described_moves(held: Mapping[Alias, str], changes: Mapping[Alias, str]) -> str:
    """Return old and new version of each alias as text."""
    return ", ".join(f"{alias}: {held.get(alias, 'empty')} -> {version}" for alias, version in changes.items())
