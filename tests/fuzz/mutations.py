"""Mutations of valid input: flipped, removed and inserted bytes; replaced, removed and added fields."""

import json
from typing import Any

from hypothesis import strategies as st

# Values that break parsers: limits of number types, invalid text, foreign paths and deep structures.
INTEGERS = (0, -1, 1, 2**31 - 1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**40)
TEXTS = (
    "", " ", "\x00", "a\x00b", "\ud800", "\U0001f9ff", "\u202egnp.exe", "é" * 300, "x" * 5_000, "-", "%00", "%2e%2e%2f",
    "../../../../etc/passwd", "/etc/passwd", "..\\..\\x", "file:///etc/passwd", "http://127.0.0.1:1/", "' OR 1=1 --",
    "{{7*7}}", "${jndi:ldap://127.0.0.1/x}", "=cmd()", "<script>alert(1)</script>", "a\nb\r\nX: y", "NaN", "1e400",
    "0x10", "9" * 400, "null", "true", "rock", "xgboost", "Production", "2026-11-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-02-30", "١٢٣",
)  # fmt: skip
DEEP = json.loads("[" * 300 + "]" * 300)
SCALARS: st.SearchStrategy[Any] = (
    st.sampled_from((None, True, False, *INTEGERS, *TEXTS, 0.1, -0.0, 1e308, float("inf"), float("nan")))
    | st.integers()
    | st.floats()
    | st.text(max_size=40)
)
JUNK: st.SearchStrategy[Any] = (
    SCALARS
    | st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=8,
    )
    | st.just(DEEP)
)


@st.composite
def mutated_bytes(draw: st.DrawFn, valid: bytes, most: int = 5) -> bytes:
    """Change a few places of valid bytes."""
    data = bytearray(valid)
    for _ in range(draw(st.integers(1, most))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        until = min(at + draw(st.integers(1, 64)), len(data))
        match draw(st.sampled_from(("flip", "flip", "set", "cut", "drop", "insert", "repeat", "number"))):
            case "flip" if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "set" if data:
                data[at] = draw(st.sampled_from((0, 1, 0x7F, 0x80, 0xFE, 0xFF)))
            case "cut":
                del data[at:]
            case "drop":
                del data[at:until]
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=32))
            case "repeat":
                data[at:at] = data[at:until] * draw(st.integers(1, 20))
            case "number":
                size = draw(st.sampled_from((2, 4, 8)))
                number = draw(st.sampled_from((2 ** (8 * size) - 1, 2 ** (8 * size - 1) - 1, 2 ** (8 * size - 1), 0)))
                data[at : at + size] = number.to_bytes(size, draw(st.sampled_from(("little", "big"))))
            case _:
                pass
    return bytes(data)


@st.composite
def mutated_json(draw: st.DrawFn, valid: Any) -> bytes:
    """Change a few fields of a valid document, and sometimes its bytes too."""
    document = json.loads(json.dumps(valid))
    for _ in range(draw(st.integers(1, 4))):
        document = draw(_edited(document))
    encoded = json.dumps(document).encode()
    if draw(st.integers(0, 5)) == 0:
        # Deeper than any parser accepts.
        encoded = encoded.replace(b"null", b"[" * 5_000 + b"]" * 5_000, 1)
    return draw(mutated_bytes(encoded, 2)) if draw(st.integers(0, 3)) == 0 else encoded


@st.composite
def _edited(draw: st.DrawFn, value: Any) -> Any:
    """Change one field somewhere inside."""
    if not isinstance(value, dict | list) or not value or draw(st.integers(0, 5)) == 0:
        return draw(JUNK)
    keys = sorted(value) if isinstance(value, dict) else list(range(len(value)))
    key = draw(st.sampled_from(keys))
    changed: Any = dict(value) if isinstance(value, dict) else list(value)
    match draw(st.sampled_from(("inside", "inside", "inside", "drop", "add"))):
        case "drop":
            del changed[key]
        case "add" if isinstance(changed, dict):
            changed[draw(st.sampled_from(TEXTS))] = draw(JUNK)
        case "add":
            changed.append(changed[key])
        case _:
            changed[key] = draw(_edited(changed[key]))
    return changed
