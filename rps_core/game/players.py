"""Kinds of players and their display names."""

from typing import Literal, TypeAlias, get_args

PlayerKind: TypeAlias = Literal["human", "scripted", "test"]
PLAYER_KINDS: tuple[PlayerKind, ...] = get_args(PlayerKind)

MAX_NAME_LENGTH = 32


def session_code(session_id: str) -> str:
    """Return the display code of a session: its first three letters or digits, in capitals."""
    alphanumerics = [character for character in session_id if character.isalnum()]
    return "".join(alphanumerics or session_id)[:3].upper()


def display_name_for(name: str | None, session_id: str | None) -> str:
    """Return the name to store for a player.

    A missing name, a blank name and the word "player" become ``Player-`` and the session code. Any other name is cut to
    32 printable characters.
    """
    printable = "".join(character for character in name or "" if character.isprintable())
    cleaned = printable.strip()[:MAX_NAME_LENGTH].strip()
    if cleaned and cleaned.lower() != "player":
        return cleaned
    code = session_code(session_id) if session_id else ""
    return f"Player-{code}" if code else "Player"
