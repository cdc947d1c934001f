"""Structs made from other objects."""

import msgspec
import pytest

from rps_core.game.families import ModelIdentity
from rps_core.structs import struct_from


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    run_id: str = "unknown"
    slot: str = "B"


def test_given_fields_win_over_those_of_the_source() -> None:
    model = ModelIdentity("7", "abc")
    assert struct_from(Shown, model, slot="shadow1") == Shown(version="7", run_id="abc", slot="shadow1")
    assert struct_from(Shown, model, slot="B", version="8").version == "8"


def test_a_field_that_neither_has_is_an_error_and_not_its_default() -> None:
    with pytest.raises(AttributeError, match="slot"):
        struct_from(Shown, ModelIdentity("7", "abc"))
