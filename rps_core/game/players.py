"""Who plays: kinds of players and the names they are shown under."""

from typing import Literal, TypeAlias, get_args

PlayerKind: TypeAlias = Literal["human", "scripted", "test"]
PLAYER_KINDS: tuple[PlayerKind, ...] = get_args(PlayerKind)

MAX_NAME_LENGTH = 32


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
