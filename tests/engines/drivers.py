"""Two browsers behind one small interface: Firefox over WebDriver BiDi, WebKit over WebDriver."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import httpx
from websockets.sync.client import ClientConnection, connect

from tests.builders.ports import free_port

START_SECONDS = 120.0
KEYS = {"ArrowRight": "\ue014", "Enter": "\ue007", "Escape": "\ue00c"}


class Engine(Protocol):
    """A browser with one page."""

    name: str

    def open(self, url: str) -> None:
        """Open an address and wait until it has loaded."""

    def run(self, expression: str) -> Any:
        """Return the value of a JavaScript expression as JSON."""

    def act(self, actions: list[dict[str, Any]]) -> None:
        """Perform input actions."""

    def close(self) -> None:
        """End the browser."""


def press(engine: Engine, key: str) -> None:
    """Press a key where the focus is."""
    value = KEYS.get(key, key)
    strokes = [{"type": kind, "value": value} for kind in ("keyDown", "keyUp")]
    engine.act([{"type": "key", "id": "keyboard", "actions": strokes}])


def click(engine: Engine, selector: str) -> None:
    """Click the middle of an element with the mouse."""
    x, y = engine.run(
        f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}}); "
        "const r = e.getBoundingClientRect(); "
        "return [Math.round(r.x + r.width / 2), Math.round(r.y + r.height / 2)] })()"
    )
    moves = [
        {"type": "pointerMove", "x": x, "y": y, "duration": 0, "origin": "viewport"},
        {"type": "pointerDown", "button": 0},
        {"type": "pointerUp", "button": 0},
    ]
    engine.act([{"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": moves}])


@contextmanager
def running(command: list[str], **environment: str) -> Iterator[None]:
    """Run a program."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=quiet, stderr=quiet)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def screen() -> Iterator[str]:
    """Open an invisible screen and return its name: a browser without a window has no focus."""
    program = installed("Xvfb")
    display = f":{free_port() % 10_000 + 100}"
    with running([program, display, "-screen", "0", "1280x900x24", "-nolisten", "tcp"]):
        yield display


def installed(*names: str) -> str:
    """Return the path of the first program that is installed."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        raise FileNotFoundError(f"{names[0]} is missing; on Debian: apt-get install firefox-esr webkit2gtk-driver xvfb")
    return found


class Firefox:
    """Firefox, which speaks WebDriver BiDi itself."""

    name = "Firefox"

    def __init__(self, folder: Path) -> None:
        program, port = installed("firefox-esr", "firefox"), free_port()
        with ExitStack() as started:
            display = started.enter_context(screen())
            command = [program, "--no-remote", "--profile", str(folder), f"--remote-debugging-port={port}"]
            started.enter_context(running(command, DISPLAY=display))
            self._socket = started.enter_context(self._connected(f"ws://127.0.0.1:{port}/session"))
            self._number = 0
            self._ask("session.new", capabilities={})
            self._page = self._ask("browsingContext.getTree")["contexts"][0]["context"]
            self._ended = started.pop_all()

    @staticmethod
    @contextmanager
    def _connected(address: str) -> Iterator[ClientConnection]:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                with connect(address, max_size=None, proxy=None) as socket:
                    yield socket
                    return
            except ConnectionRefusedError:
                time.sleep(0.3)
        raise AssertionError(f"Firefox did not start within {START_SECONDS:.0f} s")

    def _ask(self, method: str, **params: Any) -> Any:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv(timeout=60))
            if answer.get("id") == self._number:
                assert answer["type"] == "success", answer
                return answer["result"]

    def open(self, url: str) -> None:
        """Open an address and wait until it has loaded."""
        self._ask("browsingContext.navigate", context=self._page, url=url, wait="complete")

    def run(self, expression: str) -> Any:
        """Return the value of a JavaScript expression as JSON."""
        answer = self._ask(
            "script.evaluate",
            expression=f"JSON.stringify({expression})",
            target={"context": self._page},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer
        return json.loads(answer["result"].get("value", "null"))

    def act(self, actions: list[dict[str, Any]]) -> None:
        """Perform input actions."""
        self._ask("input.performActions", context=self._page, actions=actions)

    def close(self) -> None:
        """End the browser."""
        self._ended.close()


class WebKit:
    """WebKitGTK's small browser on an invisible screen."""

    name = "WebKit"

    def __init__(self, folder: Path) -> None:
        driver, port = installed("WebKitWebDriver"), free_port()
        self._ended = ExitStack()
        display = self._ended.enter_context(screen())
        environment = {"DISPLAY": display, "HOME": str(folder), "LIBGL_ALWAYS_SOFTWARE": "1"}
        self._ended.enter_context(running([driver, f"--port={port}"], **environment))
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False)
        self._session = ""
        self._session = f"/session/{self._new_session()['sessionId']}"

    def _new_session(self) -> Any:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return self._ask("/session", {"capabilities": {"alwaysMatch": {}}})
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)

    def _ask(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._http.post(self._session + path, json=body)
        assert answer.is_success, answer.text
        return answer.json()["value"]

    def open(self, url: str) -> None:
        """Open an address and wait until it has loaded."""
        self._ask("/url", {"url": url})

    def run(self, expression: str) -> Any:
        """Return the value of a JavaScript expression as JSON."""
        script = f"return JSON.stringify({expression}) ?? 'null'"
        return json.loads(self._ask("/execute/sync", {"script": script, "args": []}))

    def act(self, actions: list[dict[str, Any]]) -> None:
        """Perform input actions."""
        self._ask("/actions", {"actions": actions})

    def close(self) -> None:
        """End the browser."""
        with suppress(httpx.HTTPError):
            self._http.delete(self._session)
        self._http.close()
        self._ended.close()
