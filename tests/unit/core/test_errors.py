"""All errors of the four packages form one tree, and each name means one thing."""

import ast
import builtins
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import rps_core
from rps_core.errors import is_harmless

HOUSE = Path(rps_core.__file__).parents[1]
PACKAGES = ("rps_core", "rps_assets", "rps_api", "rps_cli")
BASE = "RpsError"


def product_classes() -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the names of the bases of every class of the product."""
    for package in PACKAGES:
        for path in (HOUSE / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    yield node.name, [ast.unparse(base).rpartition(".")[2] for base in node.bases]


CLASSES = list(product_classes())


def descendants(is_root: Callable[[str], bool]) -> list[str]:
    """Return the names of all classes that derive from a root, directly or not; a name used twice occurs twice."""
    names = set[str]()
    while found := {name for name, bases in CLASSES if any(b in names or is_root(b) for b in bases)} - names:
        names |= found
    return sorted(name for name, _ in CLASSES if name in names)


def is_foreign_exception(name: str) -> bool:
    """Return whether the name means an exception of Python or looks like one of a library."""
    builtin = getattr(builtins, name, None)
    if isinstance(builtin, type):
        return issubclass(builtin, BaseException)
    return name.endswith(("Error", "Exception"))


ERRORS = descendants(is_foreign_exception)


def test_every_error_derives_from_the_base() -> None:
    """HTTP, the command line and Dagster translate `RpsError` only."""
    assert len(ERRORS) >= 40
    assert [name for name in ERRORS if name not in {BASE, *descendants(lambda base: base == BASE)}] == []


def test_no_two_errors_share_a_name() -> None:
    """The name in a log or a traceback identifies the error."""
    assert [name for name, count in Counter(ERRORS).items() if count > 1] == []


@pytest.mark.parametrize("value", ["70000", "-1.5", "80a", "10.0.0.0:80", "perhaps", "win_probability"])
def test_a_message_may_repeat_a_number_or_a_plain_word(value: str) -> None:
    assert is_harmless(value)


@pytest.mark.parametrize(
    "value", ["", "hunter2", "two words", "a-token", "1234567890abcd", "abcdefghijklmnop", "s3cr3t"]
)
def test_a_message_never_repeats_what_may_be_a_secret(value: str) -> None:
    assert not is_harmless(value)
