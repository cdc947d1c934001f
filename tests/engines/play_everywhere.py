"""A whole game by mouse and keyboard, "Why?", finish, reload and observatory, in each engine that is installed."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.models import fill_cache
from tests.browser.server import GameServer
from tests.engines.drivers import Engine, Firefox, WebKit, click, press

PATIENCE_SECONDS = 30.0
PHASE = "document.body.dataset.phase"
READY = "document.querySelector('.move[data-move=rock]').getAttribute('aria-disabled') === 'false'"
ROUNDS = "document.querySelectorAll('#rounds > li').length"
SIDEWAYS_PX = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GameServer]:
    data = tmp_path_factory.mktemp("engines")
    fill_cache(data / "model_cache")
    running = GameServer(data).start()
    yield running
    running.kill()


@pytest.fixture(params=[Firefox, WebKit], ids=lambda kind: kind.name)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    start: Callable[[Path], Engine] = request.param
    try:
        opened = start(tmp_path)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    yield opened
    opened.close()


def wait_for(engine: Engine, expression: str) -> None:
    """Wait until an expression is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while engine.run(expression) is not True:
        assert time.monotonic() < deadline, f"{engine.name}: never true: {expression}; phase {engine.run(PHASE)}"
        time.sleep(0.1)


def settle(engine: Engine, rounds: int) -> bool:
    """Wait for the end of a round; return whether the game is over."""
    wait_for(engine, f"{ROUNDS} === {rounds} && ({PHASE} === 'finished' || {READY})")
    return bool(engine.run(PHASE) == "finished")


def test_a_whole_game_can_be_played_and_watched(engine: Engine, server: GameServer) -> None:
    engine.open(server.url)
    wait_for(engine, f"{PHASE} === 'lobby'")
    assert engine.run(SIDEWAYS_PX) == 0
    click(engine, "#start-button")
    wait_for(engine, f"{PHASE} === 'playing' && {READY}")

    click(engine, ".move[data-move=rock]")
    settle(engine, 1)
    press(engine, "ArrowRight")
    assert engine.run("document.activeElement.dataset.move")
    # Firefox gives a window the focus only if a person uses it.
    has_focus = engine.run("document.hasFocus()")
    assert not has_focus or engine.run("getComputedStyle(document.activeElement).outlineStyle") != "none"
    press(engine, "Enter" if has_focus else "p")
    settle(engine, 2)

    rounds, is_over = 2, False
    while not is_over:
        rounds += 1
        press(engine, "rps"[rounds % 3])
        is_over = settle(engine, rounds)
        if rounds == 4 and not is_over:
            click(engine, "#why")
            wait_for(engine, "document.querySelector('dialog[open]') !== null")
            press(engine, "Escape")
            wait_for(engine, "document.querySelector('dialog[open]') === null")
    score = engine.run("document.querySelector('#finish-score').textContent")
    assert engine.run(SIDEWAYS_PX) == 0

    engine.open(server.url)
    wait_for(engine, f"{PHASE} === 'finished'")
    assert engine.run("document.querySelector('#finish-score').textContent") == score

    engine.open(f"{server.url}/observatory")
    wait_for(engine, f"{PHASE} === 'watching'")
    assert engine.run(SIDEWAYS_PX) == 0
    engine.open(f"{server.url}/docs")
    assert engine.run(SIDEWAYS_PX) == 0
