"""The three moves and who beats whom: the only definition in Python, from which all other forms are derived.

The canonical order is rock, paper, scissors. Class indices, arrays and ties of an argmax all follow it. The page has
its own copy in `static/js/rules.js`.
"""

from typing import Any, Literal, TypeAlias, get_args

from rps_core.errors import InvalidMove

Move: TypeAlias = Literal["rock", "paper", "scissors"]
Result: TypeAlias = Literal["win", "lose", "draw"]

MOVES: tuple[Move, Move, Move] = get_args(Move)
MOVE_INDEX: dict[str, int] = {move: index for index, move in enumerate(MOVES)}


def places_after(move: Any, other: Any) -> Any:
    """Return how many places `move` comes after `other` in the canonical cycle: 1 beats it, 2 loses, 0 draws.

    Both are indices of moves: whole numbers, arrays or Polars expressions.
    """
    return (move - other + 3) % 3


# Index of the move that each move defeats, and of the move that defeats it.
PREY_INDEX = tuple(next(other for other in range(3) if places_after(move, other) == 1) for move in range(3))
HUNTER_INDEX = tuple(PREY_INDEX.index(move) for move in range(3))
_PREY: dict[Move, Move] = {move: MOVES[PREY_INDEX[index]] for index, move in enumerate(MOVES)}
_HUNTER: dict[Move, Move] = {prey: hunter for hunter, prey in _PREY.items()}


def prey(move: Move) -> Move:
    """Return the move that `move` defeats."""
    return _PREY[move]


def hunter(move: Move) -> Move:
    """Return the move that defeats `move`."""
    return _HUNTER[move]


def round_result(user_move: Move, bot_move: Move) -> Result:
    """Return the result of a round from the user's side."""
    if user_move == bot_move:
        return "draw"
    return "win" if _PREY[user_move] == bot_move else "lose"


def parse_move(text: str) -> Move:
    """Return the move that `text` names, ignoring case and surrounding blanks.

    Raises:
        InvalidMove: `text` does not name a move.
    """
    name = text.strip().lower()
    for move in MOVES:
        if name == move:
            return move
    raise InvalidMove(f"unknown move {text[:40]!r}; choose one of {', '.join(MOVES)}")
