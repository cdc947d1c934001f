"""The secret key of a game, which its values follow from, and the check that it was fixed before the first move.

The values of a round are a public hash of the key and the number of the round. A client that computes the rounds to
come wins one game in a hundred more, so the key stays secret until the game is over. Its SHA-256 is in the reply to the
start: nobody can change the key afterwards. An older game has its id as its key.
"""

import hashlib
from collections.abc import Sequence
from random import Random

from rps_core.game.scoring import Points, round_points

KEY_BYTES = 16


def new_key(random: Random) -> str:
    """Return a new key as 32 hexadecimal digits."""
    return random.randbytes(KEY_BYTES).hex()


def commitment(key: str) -> str:
    """Return the SHA-256 of a key as text, in hexadecimal digits: what ``printf %s KEY | sha256sum`` prints."""
    return hashlib.sha256(key.encode()).hexdigest()


def value_fault(key: str, committed: str | None, shown: Sequence[Points]) -> str | None:
    """Return what is wrong with the values of a finished game, or None.

    Args:
        key: shown after the game.
        committed: SHA-256 of the key from the reply to the start; None if there was none.
        shown: values of the rounds, in order.
    """
    if committed is not None and commitment(key) != committed:
        return f"the SHA-256 of the key {key} is not the {committed} of the start"
    for round_no, points in enumerate(shown, start=1):
        if round_points(key, round_no) != points:
            return f"round {round_no} was played with the values {points}; its key gives {round_points(key, round_no)}"
    return None
