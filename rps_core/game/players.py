"""Kinds of players and their display names."""

import unicodedata
from collections.abc import Iterator
from typing import Literal, TypeAlias, get_args

PlayerKind: TypeAlias = Literal["human", "scripted", "simulated", "test"]
PLAYER_KINDS: tuple[PlayerKind, ...] = get_args(PlayerKind)

MAX_NAME_LENGTH = 32
# Zero-width joiner and non-joiner: inside of emoji, of Persian, Hindi and many other scripts.
_JOINERS = frozenset(["\u200c", "\u200d"])


def session_code(session_id: str) -> str:
    """Return the display code of a session: its first three letters or digits, in capitals."""
    alphanumerics = [character for character in session_id if character.isalnum()]
    return "".join(alphanumerics or session_id)[:3].upper()


def is_showable(text: str) -> bool:
    """Return whether text has no control characters; joiners, which many scripts need, are none."""
    return all(character.isprintable() or character in _JOINERS for character in text)


def display_name_for(name: str | None, session_id: str | None) -> str:
    """Return the name to store for a player.

    A missing name, a blank name and the word "player" become ``Player-`` and the session code. Any other name is cut to
    32 showable characters, never inside of an emoji or a syllable.
    """
    cleaned = _cut("".join(_shown(name or "")).strip())
    if cleaned and cleaned.lower() != "player":
        return cleaned
    code = session_code(session_id) if session_id else ""
    return f"Player-{code}" if code else "Player"


def _shown(name: str) -> Iterator[str]:
    """Yield the showable characters; a joiner only inside of other scripts than ours, where it has a meaning."""
    printable = [character for character in name if is_showable(character)]
    for before, character, after in zip(["", *printable], printable, [*printable[1:], ""], strict=False):
        if character not in _JOINERS or _is_joined(before, after):
            yield character


def _is_joined(before: str, after: str) -> bool:
    return all(side and not side.isascii() and side not in _JOINERS and not side.isspace() for side in (before, after))


def _cut(name: str) -> str:
    """Return at most `MAX_NAME_LENGTH` characters of a name, without a part of a character at the end."""
    end = MAX_NAME_LENGTH
    while 0 < end < len(name) and (_continues(name[end]) or name[end - 1] in _JOINERS):
        end -= 1
    return name[: end or MAX_NAME_LENGTH].strip()


def _continues(character: str) -> bool:
    """Return whether a character only changes the one before: an accent, a joiner, a skin tone."""
    is_skin_tone = "\U0001f3fb" <= character <= "\U0001f3ff"
    return character in _JOINERS or is_skin_tone or unicodedata.category(character).startswith("M")
