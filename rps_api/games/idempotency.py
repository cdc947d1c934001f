"""Detection of repeated plays, so that a retry after a lost answer does not play a second round. Pure functions."""

from typing import NamedTuple

from rps_api.errors import InvalidRequest, PlayConflict
from rps_core.game.moves import Move
from rps_core.store.games import StoredGame

MAX_KEY_LENGTH = 128


class Play(NamedTuple):
    """A requested play: the move, and the round number and key by which a repeated request is recognised."""

    game_id: str
    move: Move
    expected_round: int | None = None
    idempotency_key: str | None = None


def answered_round(game: StoredGame, play: Play) -> int | None:
    """Return the number of the round that this request has already played; None if the request is new.

    Raises:
        PlayConflict: the key or the round belongs to another request, or the round is not the next one.
    """
    by_key = _round_of_key(game, play.idempotency_key)
    by_number = play.expected_round if (play.expected_round or 0) in range(1, game.next_round_no) else None
    round_no = by_key or by_number
    if round_no is None:
        if play.expected_round not in {None, game.next_round_no}:
            raise conflict(game, f"round {play.expected_round} cannot be played yet; play round {game.next_round_no}")
        return None
    played_with = game.rounds[round_no - 1].user_move
    if played_with != play.move or play.expected_round not in {None, round_no}:
        raise conflict(game, f"round {round_no} was already played with {played_with}; play round {game.next_round_no}")
    if by_key is None and play.idempotency_key and game.idempotency_keys[round_no - 1]:
        raise conflict(game, f"round {round_no} was already played by another request")
    return round_no


def conflict(game: StoredGame, detail: str) -> PlayConflict:
    """Return the error that carries the state of the game to the client."""
    return PlayConflict(
        detail,
        {
            "game_id": game.id,
            "current_round": game.next_round_no,
            "rounds_played": len(game.rounds),
            "finished": game.finished_at is not None,
            "winner": game.winner,
            "user_score": game.user_score,
            "bot_score": game.bot_score,
        },
    )


def checked_key(key: str | None) -> str | None:
    """Return the key of an Idempotency-Key header, or None if the header is missing or empty.

    Raises:
        InvalidRequest: the key is longer than 128 characters or not printable.
    """
    # HTTP allows spaces and tabs around a value; str.strip() would also remove control characters.
    cleaned = (key or "").strip(" \t")
    if len(cleaned) > MAX_KEY_LENGTH or not cleaned.isprintable():
        raise InvalidRequest(f"Idempotency-Key must be at most {MAX_KEY_LENGTH} printable characters")
    return cleaned or None


def _round_of_key(game: StoredGame, key: str | None) -> int | None:
    if key is None or key not in game.idempotency_keys:
        return None
    return game.idempotency_keys.index(key) + 1
