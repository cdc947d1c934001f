"""Output of `rps up`: progress bars on a terminal, plain lines otherwise."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self, TextIO

import psutil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn

# A log gets a line for each tenth of a progress.
PLAIN_STEPS = 10
# Longest time that the imports before the first line can take.
MAX_IMPORT_SECONDS = 60.0


class Display(Protocol):
    """Shows lines and progress."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def elapsed_seconds(self) -> float:
        """Return the time since the start."""

    def say(self, text: str) -> None:
        """Show a line that stays."""

    def progress(self, topic: str, done: int, total: int, text: str) -> None:
        """Show the progress of `topic` until it is finished."""

    def finish(self, topic: str) -> None:
        """End the progress of `topic`."""


class PlainDisplay:
    """Lines with the seconds since the start; a progress is repeated only when it has changed."""

    def __init__(self, stream: TextIO, elapsed_seconds: Callable[[], float]) -> None:
        self._stream = stream
        self.elapsed_seconds = elapsed_seconds
        self._shown: dict[str, tuple[int, str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.flush()

    def say(self, text: str) -> None:
        """Write a line."""
        self._stream.write(f"[{self.elapsed_seconds():5.1f} s] {text}\n")
        self._stream.flush()

    def progress(self, topic: str, done: int, total: int, text: str) -> None:
        """Write a line when another tenth is done or the text has changed."""
        state = (done * PLAIN_STEPS // total if total else 0, text)
        if self._shown.get(topic) != state:
            self._shown[topic] = state
            self.say(f"{topic}: {done} of {total}" + (f" ({text})" if text else ""))

    def finish(self, topic: str) -> None:
        """Forget the topic."""
        self._shown.pop(topic, None)


class RichDisplay:
    """Lines above progress bars that are redrawn in place."""

    def __init__(self, console: Console, elapsed_seconds: Callable[[], float]) -> None:
        self.elapsed_seconds = elapsed_seconds
        self._tasks: dict[str, TaskID] = {}
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}", markup=False),
            console=console,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        self._bars.console.print(
            f"[{self.elapsed_seconds():5.1f} s] {text}", markup=False, highlight=False, soft_wrap=True
        )

    def progress(self, topic: str, done: int, total: int, text: str) -> None:
        """Move the bar of the topic."""
        if topic not in self._tasks:
            self._tasks[topic] = self._bars.add_task(topic, text="")
        self._bars.update(self._tasks[topic], completed=done, total=total, text=text)

    def finish(self, topic: str) -> None:
        """Remove the bar of the topic."""
        if topic in self._tasks:
            self._bars.remove_task(self._tasks.pop(topic))


def build_display(stream: TextIO) -> Display:
    """Return a display with bars if `stream` is a terminal, else plain lines; time starts with the process."""
    console = Console(file=stream)
    # A clock that is set later does not count; one that was set meanwhile shows an impossible age.
    age = time.time() - psutil.Process().create_time()
    started = time.monotonic() - (age if 0 < age < MAX_IMPORT_SECONDS else 0.0)

    def elapsed_seconds() -> float:
        return time.monotonic() - started

    if console.is_terminal and not console.is_dumb_terminal:
        return RichDisplay(console, elapsed_seconds)
    return PlainDisplay(stream, elapsed_seconds)
