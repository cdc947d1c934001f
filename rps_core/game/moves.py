"""The three moves and who beats whom.

The canonical order rock, paper, scissors (0, 1, 2) holds everywhere: class indices, arrays, ties of an argmax.
"""

from typing import Literal, TypeAlias, get_args

from rps_core.errors import InvalidMove

Move: TypeAlias = Literal["rock", "paper", "scissors"]
Result: TypeAlias = Literal["win", "lose", "draw"]

MOVES: tuple[Move, Move, Move] = get_args(Move)
MOVE_INDEX: dict[str, int] = {move: index for index, move in enumerate(MOVES)}

_PREY: dict[Move, Move] = {"rock": "scissors", "paper": "rock", "scissors": "paper"}
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
    """Return the move that `text` names, in any case and with blanks around it.

    Raises:
        InvalidMove: it names none.
    """
    name = text.strip().lower()
    for move in MOVES:
        if name == move:
            return move
    raise InvalidMove(f"unknown move {text[:40]!r}; choose one of {', '.join(MOVES)}")
