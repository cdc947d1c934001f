"""The page of settings says what the code says."""

from rps_core.settings import Settings
from rps_core.settings_docs import PAGE, REGENERATE, sections, settings_markdown, variable


def test_the_page_equals_the_settings() -> None:
    assert PAGE.read_text(encoding="utf-8") == settings_markdown(), f"write it anew with: {REGENERATE}"


def test_the_page_says_how_to_write_it_anew() -> None:
    assert REGENERATE in settings_markdown()


def test_every_setting_stands_in_exactly_one_section() -> None:
    listed = [name for _, fields in sections() for name in fields]
    assert listed == list(Settings.model_fields)
    assert all(fields for _, fields in sections())


def test_every_setting_is_explained_under_its_own_variable() -> None:
    variables = [variable(field) for field in Settings.model_fields.values()]
    assert len(variables) == len(set(variables))
    assert all(field.description for field in Settings.model_fields.values())


def test_defaults_values_and_bounds_are_shown() -> None:
    page = settings_markdown()
    assert "| `RPS_API_PORT` | `8080` | whole number, at least 1, at most 65535 |" in page
    assert "| `PROMOTION_ALPHA` | `0.05` | number, above 0, below 1 |" in page
    assert "| `USE_MINIO` | `true` | `true`, `false` |" in page
    assert "| `MINIO_SECRET_KEY` | not set | secret |" in page
    assert "| `AB_SPLIT_RATIO_XGBOOST` | not set | number, at least 0.0, at most 1.0 |" in page
    assert "| `TRAINING_DATA_SINCE_DATE` | `2025-10-01T00:00:00+00:00` | ISO 8601 |" in page
