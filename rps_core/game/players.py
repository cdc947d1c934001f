"""Who plays: kinds of players, the names they are shown under, and whose games statistics leave out."""

import re
from typing import Literal, TypeAlias, get_args

PlayerKind: TypeAlias = Literal["human", "scripted", "test"]
PLAYER_KINDS: tuple[PlayerKind, ...] = get_args(PlayerKind)
ExclusionReason: TypeAlias = Literal["legacy", "simulated"]

MAX_NAME_LENGTH = 32
_SCRIPTED_NAMES = frozenset({"ace", "bob", "cal", "dan", "edd", "fox", "gus", "hal"})
_SIMULATED_NAMES = (
    re.compile(r"sim(\d+|\[\d+\]|\(\d+\))"),
    re.compile(r"sim[\w-]*\d[\w-]*.*", re.DOTALL),
    re.compile(r"simp.*\d.*", re.DOTALL),
    re.compile(r"sim\[.*", re.DOTALL),
)


def session_code(session_id: str) -> str:
    """Return the three characters a session is shown under: its first alphanumerics, in capitals."""
    alphanumerics = [character for character in session_id if character.isalnum()]
    return "".join(alphanumerics or session_id)[:3].upper()


def display_name_for(name: str | None, session_id: str | None) -> str:
    """Return the name a player is stored under.

    Blank, missing or the bare word "player" becomes ``Player-`` and the session code; anything else is trimmed to
    32 printable characters.
    """
    printable = "".join(character for character in name or "" if character.isprintable())
    cleaned = printable.strip()[:MAX_NAME_LENGTH].strip()
    if cleaned and cleaned.lower() != "player":
        return cleaned
    code = session_code(session_id) if session_id else ""
    return f"Player-{code}" if code else "Player"


def exclusion_reason(name: str) -> ExclusionReason | None:
    """Return why a name of a game without a stored player kind is left out of human statistics, or None.

    Only for historical rows: new games store the kind of their player.
    """
    normalised = name.strip().lower()
    if normalised in _SCRIPTED_NAMES:
        return "legacy"
    return "simulated" if any(pattern.fullmatch(normalised) for pattern in _SIMULATED_NAMES) else None
