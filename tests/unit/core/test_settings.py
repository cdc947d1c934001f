"""Settings: known names, safe defaults, and errors that name the variable."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from rps_core.cache import ModelCache
from rps_core.errors import SettingsError
from rps_core.settings import default_settings, load_settings, setting_fields, variable
from rps_core.store import open_engine


def test_the_defaults_listen_on_loopback_and_need_no_credentials(tmp_path: Path) -> None:
    settings = load_settings(data_path=tmp_path)
    assert settings.services.host == "127.0.0.1"
    assert settings.http.api_token is None
    assert settings.storage.database_url == f"sqlite:///{tmp_path}/rps.db"
    assert settings.storage.cache_url == f"file://{tmp_path}/model_cache"
    assert settings.services.mlflow_tracking_uri == "http://127.0.0.1:5000"


def test_the_names_of_the_original_system_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
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


def test_a_date_without_a_time_zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINING_DATA_SINCE_DATE", "2026-01-02")
    assert load_settings().training.training_data_since == datetime(2026, 1, 2, tzinfo=UTC)


def test_production_plays_every_game_without_ab_testing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENABLE_AB_TESTING", "false")
    monkeypatch.setenv("AB_SPLIT_RATIO", "0.1")
    assert load_settings().play.production_share("xgboost") == 1.0


def test_minio_without_keys_is_refused_with_the_missing_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIO_ENDPOINT", "http://127.0.0.1:9000")
    with pytest.raises(SettingsError, match="MINIO_ACCESS_KEY and MINIO_SECRET_KEY"):
        load_settings()


def test_minio_with_keys_holds_the_model_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ENDPOINT", "http://127.0.0.1:9000"), ("ACCESS_KEY", "k"), ("SECRET_KEY", "very-secret")):
        monkeypatch.setenv(f"MINIO_{name}", value)
    settings = load_settings()
    assert settings.storage.cache_url == "s3://mlflow-artifacts"
    assert settings.storage.cache_storage_options["endpoint_url"] == "http://127.0.0.1:9000"
    assert "very-secret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("RPS_API_PORT", "80a", "=80a is not a number; use 1 to 65535"),
        ("RPS_API_PORT", "80.5", "=80.5 is not a whole number; use 1 to 65535"),
        ("RPS_API_PORT", "0", "=0 is too small; use 1 to 65535"),
        ("RPS_API_PORT", "a-token-in-the-wrong-place", " is not a number; use 1 to 65535"),
        ("AB_SPLIT_RATIO_XGBOOST", "1.5", "=1.5 is too large; use 0.0 to 1.0"),
        ("PROMOTION_POLICY", "coin", "=coin is not valid; use sequential, z_test, lead"),
        ("PROMOTION_PLAYER_KINDS", "robot", "=robot is not valid; use auto, human, scripted, or human,scripted"),
        ("USE_MINIO", "perhaps", "=perhaps is not valid; use true, false"),
        ("METRICS_SINCE_DATE", "soon", "=soon is not valid; use ISO 8601"),
        ("METRICS_SINCE_DATE", "0001-01-01T00:00:00+14:00", " is outside the years 1 to 9999 in UTC"),
        ("RPS_TRUSTED_PROXIES", "home", "=home is not valid; use IP networks like 10.0.0.0/8, separated by commas"),
        ("RPS_HOST", "0.0.0.0:8080", " is not a host name or an IP address; ports have their own settings"),
        ("RPS_HOST", "http://box", " is not a host name or an IP address; ports have their own settings"),
        ("RPS_HOST", "1.2.3", " is not a host name or an IP address; ports have their own settings"),
        ("API_BASE", "ftp://box", " is not an HTTP address like http://localhost:9000"),
        ("MINIO_ENDPOINT", "http://[::1", " is not an HTTP address like http://localhost:9000"),
        ("MINIO_ENDPOINT", "minio:90000", " is not an HTTP address like http://localhost:9000"),
        ("RPS_DATABASE_URL", "rps.db", " is not a SQLAlchemy URL like postgresql+psycopg://user@host/name"),
    ],
)
def test_an_error_names_the_variable_and_what_it_accepts(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value) == f"the configuration is not valid: {name}{said}"


def test_an_error_names_every_variable_that_is_not_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RPS_API_PORT", "70000")
    monkeypatch.setenv("MAX_USABLE_ROWS", "many")
    with pytest.raises(SettingsError, match=r"RPS_API_PORT=70000 is too large; .*; MAX_USABLE_ROWS=many is not a "):
        load_settings()


@pytest.mark.parametrize("name", sorted(variable(field) for _, _, field in setting_fields()))
def test_a_blank_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("DATA_PATH")
    for blank in ("", " \t"):
        monkeypatch.setenv(name, blank)
        assert load_settings() == default_settings()


@pytest.mark.parametrize("folder", ["100% of #1's", "a?b", "%20", "a;b c", "ü"])
def test_the_database_is_in_the_data_folder_whatever_its_name(tmp_path: Path, folder: str) -> None:
    settings = load_settings(data_path=tmp_path / folder)
    engine = open_engine(settings.storage.database_url)
    with engine.connect():
        assert (tmp_path / folder / "rps.db").exists()
    engine.dispose()
    assert [path.name for path in tmp_path.iterdir()] == [folder]
    ModelCache.open(settings.storage.cache_url).read_index()


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("RPS_DATABASE_URL", "postgres://u:p%40ss@db.example:5432/n?sslmode=require", "postgresql+psycopg://u:p%40ss@"),
        ("RPS_DATABASE_URL", "postgresql://u@h/n", "postgresql+psycopg://u@h/n"),
        ("RPS_DATABASE_URL", "postgresql+psycopg2://u@h/n", "postgresql+psycopg2://u@h/n"),
        ("MINIO_ENDPOINT", "localhost:9000", "http://localhost:9000"),
        ("MINIO_ENDPOINT", "https://s3.example", "https://s3.example"),
        ("API_BASE", "play.example", "http://play.example"),
        ("MLFLOW_TRACKING_URI", "localhost:5000", "http://localhost:5000"),
        ("MLFLOW_TRACKING_URI", "sqlite:///m.db", "sqlite:///m.db"),
        ("MLFLOW_TRACKING_URI", "./mlruns", "./mlruns"),
        ("RPS_HOST", "LOCALHOST", "127.0.0.1"),
        ("RPS_HOST", "[::1]", "::1"),
        ("RPS_HOST", " box.example ", "box.example"),
    ],
)
def test_usual_forms_of_addresses_are_understood(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, read: str
) -> None:
    monkeypatch.setenv("MINIO_ACCESS_KEY", "k")
    monkeypatch.setenv("MINIO_SECRET_KEY", "s")
    monkeypatch.setenv(name, value)
    settings = load_settings()
    fields = {variable(field): (section, attribute) for section, attribute, field in setting_fields()}
    section, attribute = fields[name]
    found = next(part for part in vars(settings).values() if type(part) is section)
    assert str(getattr(found, attribute)).startswith(read)


def test_a_service_on_every_interface_is_reached_over_loopback() -> None:
    assert load_settings(host="0.0.0.0").services.api_base_url == "http://127.0.0.1:8080"  # noqa: S104
    assert load_settings(host="::").services.mlflow_tracking_uri == "http://[::1]:5000"


def test_player_kinds_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMOTION_PLAYER_KINDS", "human, scripted")
    assert load_settings().promotion.promotion_player_kinds == ("human", "scripted")


def test_auto_stands_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMOTION_PLAYER_KINDS", "auto,human")
    with pytest.raises(SettingsError, match="PROMOTION_PLAYER_KINDS"):
        load_settings()
