"""Errors of the command line: one sentence on standard error, without a traceback.

The exit code is 1, or 2 if the arguments are wrong.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from rps_core.errors import RpsError, system_sentence
from rps_core.proxies import bypass_proxies

# Modules of each extra, by import name. Every image lacks some of them, because it installs only its own extras.
EXTRAS = {
    "up": frozenset({"filelock", "psutil", "rich", "supervisor"}),
    "api": frozenset({"granian", "litestar", "onnxruntime"}),
    "assets": frozenset({"dagster", "jax", "mlflow", "onnx", "polars", "pyarrow"}),
    "s3": frozenset({"s3fs"}),
    "postgres": frozenset({"psycopg"}),
}
WHERE = {
    "up": "an installation for one machine",
    "api": "the API's image",
    "assets": "the code location's image",
    "s3": "the images of the API and the code location",
    "postgres": "the images of the API and the code location",
}


class WrongArguments(RpsError):
    """The arguments of a command are wrong; nothing was done."""


class SentenceGroup(TyperGroup):
    """A group of commands whose errors are sentences."""

    def invoke(self, ctx: Any) -> Any:
        """Run the requested command."""
        with errors_as_sentences():
            _refuse_copied_script(Path(sys.argv[0]).absolute())
            bypass_proxies(os.environ, os.environ.get("RPS_HOST", "").strip("[] "))
            return super().invoke(ctx)


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Turn errors of the product, and missing extras, into a sentence and an exit code."""
    try:
        yield
    except WrongArguments as error:
        raise _failed(str(error), 2) from error
    except RpsError as error:
        raise _failed(str(error)) from error
    except BrokenPipeError:
        # Somebody read the first lines alone; typer ends the program silently.
        raise
    except OSError as error:
        raise _failed(system_sentence(error)) from error
    except ModuleNotFoundError as error:
        module = (error.name or "").split(".")[0]
        extra = next((extra for extra, modules in EXTRAS.items() if module in modules), None)
        if extra is None:
            raise
        raise _failed(
            f"this command needs {module}, which {WHERE[extra]} has; run it there, or install rps-quest[{extra}]"
        ) from error


def _refuse_copied_script(script: Path) -> None:
    """Refuse the `.venv/bin/rps` of a copied checkout, which starts the code and the data of the original."""
    checkout, original = script.parent.parent.parent, Path(__file__).resolve().parents[1]
    if (
        script.parent == checkout / ".venv" / "bin"
        and checkout.resolve() != original
        and (checkout / "rps_cli").exists()
    ):
        raise RpsError(f"{script} belongs to {original} and would run its code; run `make install` in {checkout}")


def _failed(sentence: str, exit_code: int = 1) -> typer.Exit:
    typer.echo(f"rps: {sentence}", err=True)
    return typer.Exit(exit_code)
