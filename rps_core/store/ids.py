"""Ids of games: UUIDs of version 7, which grow with time, so new rows join the newest pages of every index.

All 74 bits besides the time are fresh random bits, because an id is the player's only key to a game. The generators of
the libraries count up within a millisecond, so one id would nearly give away the next (ADR 0016).
"""

import secrets
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

_RANDOM_BITS = 74


def new_id(now: datetime, random_bits: Callable[[int], int] = secrets.randbits) -> str:
    """Return a new id as text of 36 characters; benchmarks pass a generator with a seed."""
    random = random_bits(_RANDOM_BITS)
    high, low = random >> 62, random & (1 << 62) - 1
    milliseconds = int(now.timestamp() * 1_000) & (1 << 48) - 1
    return str(UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low))
