"""Prometheus series as text: read, and compared before and after."""

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

# Name and labels, the labels sorted by name.
Key: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
Series: TypeAlias = dict[Key, float]

_SAMPLE = re.compile(r"([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+([-+]?(?:[0-9.]+(?:[eE][-+]?[0-9]+)?|Inf|NaN))(?:\s|$)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")


def parse_series(text: str) -> Series:
    """Read the text format of Prometheus; comments and what is no sample are left out."""
    series: Series = {}
    for line in text.splitlines():
        found = None if line.startswith("#") else _SAMPLE.match(line)
        if found:
            name, labels, value = found.groups()
            series[_key(name, {label: _unescaped(text) for label, text in _LABEL.findall(labels or "")})] = float(value)
    return series


def key(name: str, **labels: str) -> Key:
    """Return the key of a sample."""
    return _key(name, labels)


def _key(name: str, labels: Mapping[str, str]) -> Key:
    return name, tuple(sorted(labels.items()))


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], text)


def total(series: Series, name: str, **labels: str) -> float:
    """Return the sum of the samples of a series that carry these labels."""
    wanted = set(labels.items())
    return sum(value for (found, held), value in series.items() if found == name and wanted <= set(held))


def missing(series: Series, names: Iterable[str]) -> list[str]:
    """Return which of the names have no sample."""
    present = {name for name, _ in series}
    return [name for name in names if name not in present]
