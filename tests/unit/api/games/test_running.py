"""Games in the memory of a process: a limited number, each used by one request at a time."""

import asyncio

from rps_api.games.running import RunningGame, RunningGames
from rps_core.features.steps import GameSteps
from rps_core.store.games import StoredGame
from tests.builders.games import new_game, next_round


def running_game(game: StoredGame) -> RunningGame:
    return RunningGame(game, GameSteps())


def test_the_least_recently_played_game_is_forgotten_first() -> None:
    running = RunningGames(max_games=2)
    first, second, third = (running_game(new_game(name)) for name in ("first", "second", "third"))
    running.remember(first)
    running.remember(second)
    running.remember(first.after(next_round(first.game, "rock", "paper")))
    running.remember(third)
    assert running.get("second") is None
    assert [running.get(name) is not None for name in ("first", "third")] == [True, True]


def test_a_finished_game_is_forgotten() -> None:
    running = RunningGames()
    current = running_game(new_game("short"))
    running.remember(current)
    while current.game.finished_at is None:
        assert running.get("short") == current
        current = current.after(next_round(current.game, "rock", "scissors"))
        running.remember(current)
        assert current.known.played == len(current.game.rounds)
    assert running.get("short") is None


def test_requests_for_one_game_wait_for_each_other_but_not_for_other_games() -> None:
    async def play() -> list[str]:
        running, order = RunningGames(), []

        async def take(game: str, name: str, pauses: int) -> None:
            async with running.turn(game):
                order.append(f"{name} begins")
                for _ in range(pauses):
                    await asyncio.sleep(0)
                order.append(f"{name} ends")

        await asyncio.gather(take("a", "first", 5), take("a", "second", 1), take("b", "other", 1))
        assert running.waiting == 0
        return order

    order = asyncio.run(play())
    assert order.index("first ends") < order.index("second begins")
    assert order.index("other ends") < order.index("first ends")


def test_a_failed_or_cancelled_turn_releases_its_lock() -> None:
    async def play() -> None:
        running = RunningGames()

        async def fail() -> None:
            async with running.turn("a"):
                raise ValueError

        async def wait_long() -> None:
            async with running.turn("a"):
                await asyncio.sleep(60)

        holder = asyncio.create_task(wait_long())
        await asyncio.sleep(0)
        behind = asyncio.create_task(wait_long())
        await asyncio.sleep(0)
        behind.cancel()
        holder.cancel()
        await asyncio.gather(holder, behind, fail(), return_exceptions=True)
        async with asyncio.timeout(10), running.turn("a"):
            assert running.waiting == 1
        assert running.waiting == 0

    asyncio.run(play())
