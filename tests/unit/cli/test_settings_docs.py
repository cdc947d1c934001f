"""`docs/settings.md` agrees with the code."""

from rps_cli.settings_reference import PAGE, REGENERATE, settings_markdown
from rps_core.settings import setting_fields, variable


def test_the_page_equals_the_settings() -> None:
    assert PAGE.read_text(encoding="utf-8") == settings_markdown(), f"regenerate it with: {REGENERATE}"


def test_the_page_says_how_to_regenerate_it() -> None:
    assert REGENERATE in settings_markdown()


def test_every_setting_has_a_description_and_a_variable_to_itself() -> None:
    variables = [variable(field) for _, _, field in setting_fields()]
    assert len(variables) == len(set(variables))
    assert all(field.description for _, _, field in setting_fields())


def test_field_names_are_unique_across_all_sections() -> None:
    """An override by field name would otherwise change two settings."""
    names = [name for _, name, _ in setting_fields()]
    assert len(names) == len(set(names))


def test_the_page_shows_defaults_values_and_bounds() -> None:
    page = settings_markdown()
    assert "| `RPS_API_PORT` | `8080` | whole number, at least 1, at most 65535 |" in page
    assert "| `PROMOTION_ALPHA` | `0.05` | number, above 0, below 1 |" in page
    assert "| `USE_MINIO` | `true` | `true`, `false` |" in page
    assert "| `MINIO_SECRET_KEY` | not set | secret |" in page
    assert "| `AB_SPLIT_RATIO_XGBOOST` | not set | number, at least 0.0, at most 1.0 |" in page
    assert "| `TRAINING_DATA_SINCE_DATE` | `2025-10-01T00:00:00+00:00` | ISO 8601 |" in page
