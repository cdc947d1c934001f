"""Requests and replies of a real game against real models, recorded once by `tests/contract/record_examples.py`."""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec

EXAMPLES_FILE = Path(__file__).parent / "examples.json"


class Example(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call: its body, its parameters by name, and what was answered."""

    reply: Any
    request: Any = None
    parameters: dict[str, Any] = {}


@cache
def load_examples() -> dict[str, Example]:
    """Return the recorded calls by operation; none before the first recording."""
    if not EXAMPLES_FILE.exists():
        return {}
    return msgspec.json.decode(EXAMPLES_FILE.read_bytes(), type=dict[str, Example])
