"""Settings: names that operators know, safe defaults, faults named."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from rps_core.errors import SettingsError
from rps_core.settings import load_settings


def test_the_defaults_listen_on_loopback_and_need_no_account(tmp_path: Path) -> None:
    settings = load_settings(data_path=tmp_path)
    assert settings.services.host == "127.0.0.1"
    assert settings.http.api_token is None
    assert settings.storage.database_url == f"sqlite:///{tmp_path}/rps.db"
    assert settings.storage.cache_url == f"file://{tmp_path}/model_cache"
    assert settings.services.mlflow_tracking_uri == "http://127.0.0.1:5000"


def test_the_names_of_the_original_still_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RPS_DB_PATH", str(tmp_path / "other.db"))
    monkeypatch.setenv("TRAINING_LEGACY_GAME_STRIDE", "3")
    monkeypatch.setenv("TRAINING_DATA_SINCE_DATE", "2026-01-02T03:04:05Z")
    monkeypatch.setenv("AB_SPLIT_RATIO_XGBOOST", "0.9")
    settings = load_settings()
    assert settings.storage.database_url.endswith("/other.db")
    assert settings.training.training_scripted_game_stride == 3
    assert settings.training.training_data_since == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert settings.play.production_share("xgboost") == 0.9
    assert settings.play.production_share("feedforward_nn") == 0.5


def test_a_date_without_a_zone_is_read_as_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINING_DATA_SINCE_DATE", "2026-01-02")
    assert load_settings().training.training_data_since == datetime(2026, 1, 2, tzinfo=UTC)


def test_without_ab_testing_production_plays_every_game(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENABLE_AB_TESTING", "false")
    monkeypatch.setenv("AB_SPLIT_RATIO", "0.1")
    assert load_settings().play.production_share("xgboost") == 1.0


def test_minio_without_keys_is_refused_and_says_which_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIO_ENDPOINT", "http://127.0.0.1:9000")
    with pytest.raises(SettingsError, match="MINIO_ACCESS_KEY and MINIO_SECRET_KEY"):
        load_settings()


def test_minio_with_keys_becomes_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ENDPOINT", "http://127.0.0.1:9000"), ("ACCESS_KEY", "k"), ("SECRET_KEY", "very-secret")):
        monkeypatch.setenv(f"MINIO_{name}", value)
    settings = load_settings()
    assert settings.storage.cache_url == "s3://mlflow-artifacts"
    assert settings.storage.cache_storage_options["endpoint_url"] == "http://127.0.0.1:9000"
    assert "very-secret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [("RPS_API_PORT", "70000"), ("AB_SPLIT_RATIO", "1.5"), ("MAX_USABLE_ROWS", "many"), ("PROMOTION_POLICY", "coin")],
)
def test_a_value_that_cannot_work_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        load_settings()


@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_a_blank_token_is_no_token(monkeypatch: pytest.MonkeyPatch, blank: str) -> None:
    monkeypatch.setenv("RPS_API_TOKEN", blank)
    assert load_settings().http.api_token is None


def test_player_kinds_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMOTION_PLAYER_KINDS", "human, scripted")
    assert load_settings().promotion.promotion_player_kinds == ("human", "scripted")
