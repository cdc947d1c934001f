"""Model families, aliases and slots.

A *slot* is one family at one alias, written ``family@alias``; there are twelve. The registry decides which model
version fills a slot.
"""

import hashlib
from typing import Literal, NamedTuple, TypeAlias, get_args

from rps_core.errors import UnknownModelSlot

Family: TypeAlias = Literal["xgboost", "feedforward_nn", "multinomial_logistic"]
Alias: TypeAlias = Literal["Production", "B", "shadow1", "shadow2"]
PlayingAlias: TypeAlias = Literal["Production", "B"]

FAMILIES: tuple[Family, ...] = get_args(Family)
ALIASES: tuple[Alias, ...] = get_args(Alias)
# Shadows predict every round but never choose a move.
PLAYING_ALIASES: tuple[PlayingAlias, ...] = get_args(PlayingAlias)

REGISTERED_NAMES: dict[Family, str] = {
    "xgboost": "rps_bot_xgboost",
    "feedforward_nn": "rps_bot_feedforward",
    "multinomial_logistic": "rps_bot_mnlogit",
}


class Slot(NamedTuple):
    """One family at one alias."""

    family: Family
    alias: Alias

    def __str__(self) -> str:
        return f"{self.family}@{self.alias}"


class ModelIdentity(NamedTuple):
    """The version and training run of a registered model; it stays the same when aliases move."""

    version: str
    run_id: str

    def __str__(self) -> str:
        return f"version {self.version} (run {self.run_id[:8]})"


SLOTS: tuple[Slot, ...] = tuple(Slot(family, alias) for family in FAMILIES for alias in ALIASES)


def parse_family(text: str) -> Family:
    """Return the family named by `text`.

    Raises:
        UnknownModelSlot: the name is not one of the three families.
    """
    for family in FAMILIES:
        if text.strip() == family:
            return family
    raise UnknownModelSlot(f"unknown model family {text!r}; known families: {', '.join(FAMILIES)}")


def parse_alias(text: str) -> Alias:
    """Return the alias named by `text`.

    Raises:
        UnknownModelSlot: the name is not one of the four aliases.
    """
    for alias in ALIASES:
        if text.strip() == alias:
            return alias
    raise UnknownModelSlot(f"unknown alias {text!r}; known aliases: {', '.join(ALIASES)}")


def draw_alias(game_id: str, production_share: float) -> PlayingAlias:
    """Draw the playing alias of a game from a hash of its id.

    The first eight bytes of SHA-256 over ``<game id>:alias`` are read as a fraction of 2**64, so anyone can check the
    draw later. A share of 0 or less always gives B, and a share of 1 or more always gives Production.
    """
    digest = hashlib.sha256(f"{game_id}:alias".encode()).digest()
    fraction = int.from_bytes(digest[:8], "big") / 2**64
    return "Production" if fraction < production_share else "B"


def version_number(version: str) -> int:
    """Return the number of a version, for ordering; -1 if it is not a number, as in games from elsewhere."""
    # `isdigit` also accepts "²", which `int` does not.
    return int(version) if version.isdecimal() else -1
