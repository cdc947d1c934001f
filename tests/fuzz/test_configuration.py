"""Junk in every environment variable: the configuration works, or an error names the variable."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from rps_cli.operations.parts import places_of
from rps_core.cache import ModelCache
from rps_core.errors import CacheError, RpsError, SettingsError, StoreError
from rps_core.settings import SECTIONS, Settings, load_settings, setting_fields
from rps_core.store import open_engine
from tests.fuzz.cases import fuzz, may_refuse
from tests.fuzz.mutations import INTEGERS, TEXTS

VARIABLES = {
    str(choice): name
    for _, name, field in setting_fields()
    for choice in getattr(field.validation_alias, "choices", ())
}
# Values that an environment can hold: no NUL, and lone surrogates for bytes that are not text.
VALUES = (
    st.sampled_from([text.replace("\x00", "").replace("\ud800", "\udcff") for text in TEXTS])
    | st.sampled_from([str(number) for number in INTEGERS])
    | st.sampled_from(("inf", "nan", "-1", "0", "1e3", "yes", "off", "[]", "{}", "a,b,,c", "10.0.0.0/8,::/0", "human,"))
    | st.sampled_from(
        (
            "sqlite://",
            "sqlite:///:memory:",
            "postgresql://",
            "mysql://x",
            "sqlite:///\udcff",
            "://",
            "postgresql+psycopg://h:p/x",
        )
    )
    | st.sampled_from(
        ("s3://", "s3://b", "gs://b", "file://", "http://[::1", "http://h:99999", "zip://x::file://y", "local://")
    )
    | st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)
)


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that relative paths in junk refer to."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Addresses are parsed by libraries, so they are tested more often.
ADDRESSES = ("RPS_DATABASE_URL", "RPS_DB_PATH", "RPS_CACHE_URL", "RPS_DATA_URL", "DATA_PATH", "MLFLOW_TRACKING_URI")


@fuzz(
    300,
    chosen=st.dictionaries(st.sampled_from(ADDRESSES * 4 + tuple(sorted(VARIABLES))), VALUES, min_size=1, max_size=3),
)
def test_a_junk_value_works_or_its_variable_is_named(chosen: dict[str, str], working_folder: Path) -> None:
    before = dict(os.environ)
    os.environ.update(chosen)
    try:
        with may_refuse(SettingsError):
            require_usable(load_settings())
    finally:
        for name in chosen:
            os.environ.pop(name)
        os.environ.update(before)


def require_usable(settings: Settings) -> None:
    """Require that everything derived from accepted settings works or raises a documented error."""
    derived: dict[str, Any] = {
        name: getattr(getattr(settings, section), name)
        for section, kind in SECTIONS.items()
        for name, member in vars(kind).items()
        if isinstance(member, property)
    }
    assert derived["database_url"]
    assert "SecretStr" in repr(settings) or settings.http.api_token is None
    with may_refuse(StoreError):
        open_engine(settings.storage.database_url).dispose()
    with may_refuse(CacheError):
        str(ModelCache.of(settings.storage))
    with may_refuse(RpsError):
        places_of(settings)


def test_every_setting_is_tried() -> None:
    assert set(VARIABLES.values()) == {name for _, name, _ in setting_fields()}


@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_a_settings_error_names_its_variable_without_the_value(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret in the wrong variable must not end up in a log."""
    monkeypatch.setenv(name, "s3cr3t-in-the-wrong-place")
    try:
        load_settings()
    except SettingsError as error:
        message = str(error)
        assert name in message
        assert "s3cr3t" not in message
