"""A game and its rounds are read as of one moment, even if another commit happens in between."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from rps_core.store import GameStore
from tests.builders.games import new_game, play_next


@contextmanager
def committed_in_between(store: GameStore, game_id: str) -> Iterator[None]:
    """Store the next round of a game after a reader reads the game and before it reads the rounds."""
    other = GameStore(store.engine)
    before = other.load_game(game_id)
    done: list[bool] = []

    def after_the_first_statement(_: Any, __: Any, statement: str, *___: Any) -> None:
        if not done and statement.lstrip().startswith("SELECT games."):
            done.append(True)
            play_next(other, before, "rock", "scissors")

    event.listen(store.engine, "after_cursor_execute", after_the_first_statement)
    try:
        yield
    finally:
        event.remove(store.engine, "after_cursor_execute", after_the_first_statement)
    assert done, "nothing was committed in between"


def test_a_round_committed_between_two_statements_is_visible_to_both_or_neither(engine: Engine) -> None:
    store = GameStore(engine)
    store.write([new_game()])
    game = store.load_game("game-1")
    play_next(store, game, "rock", "scissors")
    with committed_in_between(store, "game-1"):
        read = store.load_game("game-1")
    assert read.user_score == read.rounds[-1].user_score, "the next round would be added to a wrong score"
    assert len(store.load_game("game-1").rounds) == 2
