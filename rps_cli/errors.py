"""How the command line fails: one sentence on standard error and exit code 1; never a traceback of a foreseen error."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from rps_core.errors import RpsError

# Modules of the `up` extra, by the name under which they are imported.
UP_MODULES = frozenset({"filelock", "psutil", "rich", "supervisor"})


class SentenceGroup(TyperGroup):
    """A group of commands whose errors are sentences."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        with errors_as_sentences():
            return super().invoke(ctx)


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Turn what the product raises on purpose into a sentence and exit code 1."""
    try:
        yield
    except RpsError as error:
        raise _failed(str(error)) from error
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in UP_MODULES:
            raise
        raise _failed(f"this command needs {error.name}; install the project with its extra: rps-quest[up]") from error


def _failed(sentence: str) -> typer.Exit:
    typer.echo(f"rps: {sentence}", err=True)
    return typer.Exit(1)
