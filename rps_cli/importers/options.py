"""What a person says about a file of rounds on the command line."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from rps_cli.importers import words
from rps_cli.importers.values import quoted
from rps_core.errors import DataFileError
from rps_core.store.round_columns import COLUMN_NAMES

# A file with one row a player names in this column whose row it is.
PLAYER = "player"
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "blank"}
# Microseconds.
TIME_UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 0.001}


class Options(NamedTuple):
    """What a person says about a file; anything else is found out."""

    columns: Mapping[str, str] = {}
    moves: Mapping[str, str] = {}
    delimiter: str | None = None
    time_unit: str | None = None


def read_options(columns: Sequence[str], moves: Sequence[str], delimiter: str | None, time_unit: str | None) -> Options:
    """Return the options as a command line writes them.

    Raises:
        DataFileError: an option cannot be used.
    """
    mapped = _pairs("--map", columns, "player_move=choice,bot_move=computer")
    for ours in mapped:
        if ours not in (*COLUMN_NAMES, PLAYER):
            raise DataFileError(f"--map {ours}=…: {quoted(ours)} is not one of {', '.join((*COLUMN_NAMES, PLAYER))}")
    coded = {words.code_of(code): move for code, move in _pairs("--moves", moves, "0=rock,1=paper,2=scissors").items()}
    for code, move in coded.items():
        if words.plain(move) not in words.MOVES_BY_WORD:
            raise DataFileError(f"--moves {code}={move}: use rock, paper, scissors, or none for no move")
    if delimiter is not None:
        named = {"\\t": "\t"} | {name: mark for mark, name in DELIMITERS.items()}
        delimiter = named.get(delimiter.lower(), delimiter)
        if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0' or delimiter.isalnum():
            raise DataFileError(f"--delimiter {quoted(delimiter)}: use one character, or tab")
    if time_unit not in (None, *TIME_UNITS):
        raise DataFileError(f"--time-unit {quoted(time_unit)}: use {', '.join(TIME_UNITS)}")
    moves_by_code = {code: words.MOVES_BY_WORD[words.plain(move)] for code, move in coded.items()}
    return Options(mapped, moves_by_code, delimiter, time_unit)


def _pairs(option: str, given: Iterable[str], example: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        # A name may contain a comma: only a comma before another pair separates.
        for pair in re.split(r",(?=\s*[\w.-]+\s*=)", text):
            left, equals, right = pair.partition("=")
            if not equals or not left.strip():
                raise DataFileError(f"{option} {quoted(pair)} is not a pair; write it like {option} {example}")
            found[left.strip()] = right.strip()
    return found
