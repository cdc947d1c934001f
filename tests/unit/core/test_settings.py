"""Settings: known names, safe defaults, and errors that name the variable."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from annotated_types import Le

from rps_core.cache import ModelCache
from rps_core.errors import SettingsError
from rps_core.settings import default_settings, load_settings, setting_fields, variable
from rps_core.store import open_engine

_VARIABLE = " holds a variable that nothing has replaced; write the path out, like /srv/rps"
_IN_MEMORY = " is a database in memory, which each process would have for itself; name a file"
_NEITHER = " is neither a URL like s3://bucket/folder nor a path like /srv/rps"
_BARE_NUMBER = " is a bare number; write a date like 2025-10-01 or 2025-10-01T08:00:00Z"


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


NEITHER = " is neither the URL of a server like http://mlflow:5000 nor a folder like ./mlruns"
TOKEN = (
    " must consist of ASCII letters, digits and punctuation, without blanks and line breaks; create one: `openssl rand "
    "-hex 32`"
)
ORIGINS = " needs origins like https://play.example or http://127.0.0.1:8080, separated by commas"
S3_KEYS = (
    " contains keys; remove them and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or MINIO_ENDPOINT, "
    "MINIO_ACCESS_KEY and MINIO_SECRET_KEY"
)


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
        ("RPS_DAGSTER_PUBLIC_URL", "ftp://box", " is not an HTTP address like http://localhost:9000"),
        ("GRAFANA_DASHBOARD_URL", "/grafana", " is not an HTTP address like http://localhost:9000"),
        ("MLFLOW_TRACKING_URI", "mlflow", NEITHER),
        ("MLFLOW_TRACKING_URI", "mlflow.example.com", NEITHER),
        ("MLFLOW_TRACKING_URI", "mlruns", NEITHER),
        ("MLFLOW_TRACKING_URI", "://mlflow", NEITHER),
        ("MLFLOW_TRACKING_URI", "http://", " is not an HTTP address like http://localhost:9000"),
        ("MLFLOW_TRACKING_URI", "http://127.0.0.1:port", " is not an HTTP address like http://localhost:9000"),
        ("RPS_API_TOKEN", "s3cret-part\nanother-s3cret", TOKEN),
        ("RPS_API_TOKEN", "s3cret-schlüssel", TOKEN),
        ("RPS_API_TOKEN", "s3cret with-blanks", TOKEN),
        ("RPS_CORS_ORIGINS", "https://a.example https://b.example", ORIGINS),
        ("RPS_CORS_ORIGINS", "a.example", ORIGINS),
        ("RPS_CORS_ORIGINS", "https://a.example/game", ORIGINS),
        ("RPS_CORS_ORIGINS", "https://u:p@a.example", ORIGINS),
        ("RPS_CORS_ORIGINS", "https://a.example:port", ORIGINS),
        ("RPS_CORS_ORIGINS", "https://ä.example", ORIGINS),
        ("RPS_CACHE_URL", "s3://AKIA:s3cret@bucket/x", S3_KEYS),
        ("RPS_CACHE_URL", "s3a://AKIA:s3c/ret@bucket", S3_KEYS),
        ("RPS_CACHE_URL", "S3://AKIA:12/s3cret@bucket", S3_KEYS),
        ("RPS_DATA_URL", "s3://AKIA@bucket", S3_KEYS),
        ("RPS_DATABASE_URL", "rps.db", " is not a SQLAlchemy URL like postgresql+psycopg://user@host/name"),
        ("DATA_PATH", "s3://bucket/rps", " is a URL; write the path alone, like /srv/rps"),
        ("DATA_PATH", "file:/srv/rps", " is a URL; write the path alone, like /srv/rps"),
        ("DATA_PATH", "$HOME/rps", _VARIABLE),
        ("DATA_PATH", "/srv/${USER}/rps", _VARIABLE),
        (
            "DATA_PATH",
            "~nobody-has-this-name/rps",
            " starts with ~ for a home folder that is not known; write the path out",
        ),
        ("RPS_DB_PATH", "sqlite:////srv/rps.db", " is a URL; write the path alone, like /srv/rps"),
        ("RPS_DB_PATH", ":memory:", _IN_MEMORY),
        ("RPS_DATABASE_URL", "sqlite://", _IN_MEMORY),
        ("RPS_DATABASE_URL", "sqlite:///:memory:", _IN_MEMORY),
        ("RPS_DATABASE_URL", "sqlite:///file::memory:?cache=shared&uri=true", _IN_MEMORY),
        ("RPS_DATABASE_URL", "sqlite:///file:games?mode=memory&uri=true", _IN_MEMORY),
        (
            "RPS_DATABASE_URL",
            "sqlite:///file:/srv/rps.db?mode=rw&uri=true",
            " holds a URI of SQLite; write the path alone, like sqlite:////srv/rps/rps.db",
        ),
        ("RPS_CACHE_URL", "s3:/bucket", _NEITHER),
        ("RPS_CACHE_URL", "minio:9000/bucket", _NEITHER),
        ("RPS_DATA_URL", "file://srv/rps", " is not absolute; write file:///srv/rps for the folder /srv/rps"),
        ("TRAINING_DATA_SINCE_DATE", "2025", _BARE_NUMBER),
        ("METRICS_SINCE_DATE", "1759276800", _BARE_NUMBER),
        ("RPS_KEEP_RUNS_DAYS", "999999", "=999999 is too large; use 0 to 36500"),
        ("TRAINING_INTERVAL_SECONDS", "9999999999", "=9999999999 is too large; use 0 to 1,000,000,000"),
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


def value_of(name: str) -> Any:
    """Return the setting that a variable sets."""
    fields = {variable(field): (section, attribute) for section, attribute, field in setting_fields()}
    section, attribute = fields[name]
    return getattr(next(part for part in vars(load_settings()).values() if type(part) is section), attribute)


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("RPS_DATABASE_URL", "postgres://u:p%40ss@db.example:5432/n?sslmode=require", "postgresql+psycopg://u:p%40ss@"),
        ("RPS_DATABASE_URL", "postgresql://u@h/n", "postgresql+psycopg://u@h/n"),
        ("RPS_DATABASE_URL", "postgresql+psycopg2://u@h/n", "postgresql+psycopg2://u@h/n"),
        ("RPS_DATABASE_URL", "POSTGRES://u:p%40ss@h/n", "postgresql+psycopg://u:p%40ss@h/n"),
        ("RPS_DATABASE_URL", "postgres+psycopg://u@h/n", "postgresql+psycopg://u@h/n"),
        ("RPS_DATABASE_URL", "PostgreSQL+psycopg2://u@h/n", "postgresql+psycopg2://u@h/n"),
        ("RPS_DATABASE_URL", "SQLite:////a/b.db", "sqlite:////a/b.db"),
        ("RPS_DATABASE_URL", "postgresql://u:p@h/n?application_name=a@b", "postgresql+psycopg://u:p@h/n?application"),
        ("RPS_DATABASE_URL", "postgresql://u:p?w@h/n?a=b&c=d@e", "postgresql+psycopg://u:p%3Fw@h/n?a=b&c=d%40e"),
        ("RPS_CACHE_URL", "s3://bucket/a@b", "s3://bucket/a@b"),
        ("RPS_CACHE_URL", "s3://arn:aws:s3:eu:1:accesspoint/n/a@b", "s3://arn:aws:s3:eu:1:accesspoint/n/a@b"),
        ("RPS_DATA_URL", "file:///home/me@work/data", "file:///home/me@work/data"),
        ("GRAFANA_DASHBOARD_URL", "Grafana.example/d/x?a=b", "http://Grafana.example/d/x?a=b"),
        ("RPS_DAGSTER_PUBLIC_URL", "dagster.example", "http://dagster.example"),
        ("RPS_MLFLOW_PUBLIC_URL", "mlflow.example/ui", "http://mlflow.example/ui"),
        ("MLFLOW_TRACKING_URI", "HTTP://host:5000", "http://host:5000"),
        ("MLFLOW_TRACKING_URI", "HTTPS://host", "https://host"),
        ("MLFLOW_TRACKING_URI", "me:pw@host:5000/x", "http://me:pw@host:5000/x"),
        ("MLFLOW_TRACKING_URI", "SQLite:////home/me@work/m.db", "sqlite:////home/me@work/m.db"),
        ("MLFLOW_TRACKING_URI", "databricks", "databricks"),
        ("MLFLOW_TRACKING_URI", "file:/mlruns", "file:/mlruns"),
        ("API_BASE", "HTTP://u:pl/a@in@box", "http://u:pl/a@in@box"),
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
    assert str(value_of(name)).startswith(read)


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("DATA_PATH", "~/rps", "/home/mira/rps"),
        ("DATA_PATH", '"/srv/x y"', "/srv/x y"),
        ("DATA_PATH", "'/srv/x'\r", "/srv/x"),
        ("RPS_DB_PATH", "~/games.db", "/home/mira/games.db"),
        ("RPS_CAPTURE_INFERENCE_DIR", "~/seen", "/home/mira/seen"),
        ("RPS_DATABASE_URL", "sqlite:///~/rps.db", "sqlite:////home/mira/rps.db"),
        ("RPS_DATABASE_URL", "sqlite:///rps.db", "sqlite:////here/rps.db"),
        ("RPS_DATA_URL", "/srv/data/", "file:///srv/data"),
        ("RPS_DATA_URL", "FILE:///srv/data", "file:///srv/data"),
        ("RPS_DATA_URL", "local:///srv/data", "file:///srv/data"),
        ("RPS_CACHE_URL", "~/cache", "file:///home/mira/cache"),
        ("RPS_CACHE_URL", "file://~/cache", "file:///home/mira/cache"),
        ("RPS_CACHE_URL", "cache", "file:///here/cache"),
        ("RPS_CACHE_URL", "S3://Bucket/folder", "s3://Bucket/folder"),
        ("USE_MINIO", "false\r", "False"),
        ("ENABLE_AB_TESTING", '"no" ', "False"),
        ("RPS_LOG_FORMAT", "json\r", "json"),
        ("RPS_API_PORT", "'8081'", "8081"),
        ("TRAINING_DATA_SINCE_DATE", "20251001", "2025-10-01 00:00:00+00:00"),
        ("METRICS_SINCE_DATE", "2025-10-01T08:00\r", "2025-10-01 08:00:00+00:00"),
    ],
)
def test_what_shells_and_files_of_variables_leave_is_read_as_it_was_meant(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, read: str
) -> None:
    monkeypatch.setenv("HOME", "/home/mira")
    monkeypatch.setattr(Path, "absolute", lambda path: Path("/here") / path)
    monkeypatch.setenv(name, value)
    assert str(value_of(name)) == read


def test_quotes_belong_to_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RPS_API_TOKEN", '"quoted"\r')
    assert value_of("RPS_API_TOKEN").get_secret_value() == '"quoted"'


@pytest.mark.parametrize("unit", ["days", "seconds"])
def test_spans_of_time_end_before_the_calendar_does(unit: str) -> None:
    spans = [field for _, name, field in setting_fields() if name.endswith(unit) and "no effect" not in str(field)]
    longest = [bound.le for field in spans for bound in field.metadata if isinstance(bound, Le)]
    assert len(longest) == len(spans) > 2
    assert datetime.now(UTC) - timedelta(**{unit: float(str(max(longest)))}) > datetime(1900, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("value", ["user:123/s3cret@127.0.0.1:9", "u:12#s3cret@h", "tok/s3cret@host", "u:p@1/s3cret@h"])
@pytest.mark.parametrize(
    "name",
    ["API_BASE", "RPS_DAGSTER_URL", "MLFLOW_TRACKING_URI", "RPS_MLFLOW_PUBLIC_URL", "GRAFANA_DASHBOARD_URL",
     "MINIO_ENDPOINT"],
)  # fmt: skip
def test_a_password_that_looks_like_a_path_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, f"http://{value}")
    with pytest.raises(
        SettingsError, match=rf"{name} has an @ after the first .*; in a password write / as %2F"
    ) as said:
        load_settings()
    assert "s3cret" not in str(said.value)


def test_a_token_loses_the_line_break_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RPS_API_TOKEN", " t0ken-of-16-chars!~\n")
    token = load_settings().http.api_token
    assert token is not None
    assert token.get_secret_value() == "t0ken-of-16-chars!~"


def test_origins_are_what_browsers_send(monkeypatch: pytest.MonkeyPatch) -> None:
    given = "https://a.example/, HTTPS://B.Example:443,http://c.example:80, http://[::1]:8080,https://*.d.example,*"
    monkeypatch.setenv("RPS_CORS_ORIGINS", given)
    assert load_settings().http.cors_origins == (
        "https://a.example",
        "https://b.example",
        "http://c.example",
        "http://[::1]:8080",
        "https://*.d.example",
        "*",
    )


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
