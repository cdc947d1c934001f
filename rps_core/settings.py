"""Every setting of the product, its environment variable, its default and its meaning, in one place.

Names that operators know from the original system are kept. Values come from the environment or from mounted secret
files, never from code; `docs/settings.md` is generated from this module, and a test keeps the two equal.
"""

from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from rps_core.errors import SettingsError
from rps_core.families import Family

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Port = Annotated[int, Field(ge=1, le=65_535)]


def _setting(env: str, default: Any, description: str, **constraints: Any) -> Any:
    return Field(default=default, validation_alias=AliasChoices(env), description=description, **constraints)


class Settings(BaseSettings):
    """The configuration of one process, read once at its composition root."""

    model_config = SettingsConfigDict(
        extra="ignore", frozen=True, populate_by_name=True, secrets_dir=None, hide_input_in_errors=True
    )

    # Where state lives
    data_path: Path = _setting("DATA_PATH", Path(".rps"), "Folder of all state: database, model cache, MLflow, logs.")
    db_path: Path | None = _setting("RPS_DB_PATH", None, "SQLite file of the gameplay store, if not DATA_PATH/rps.db.")
    database_url_override: str | None = _setting(
        "RPS_DATABASE_URL",
        None,
        "SQLAlchemy URL of the gameplay store, like postgresql+psycopg://…; beats RPS_DB_PATH.",
        # It may hold a password.
        repr=False,
    )
    cache_url_override: str | None = _setting(
        "RPS_CACHE_URL", None, "fsspec URL of the model cache, if neither MinIO nor DATA_PATH/model_cache is meant."
    )
    data_url_override: str | None = _setting(
        "RPS_DATA_URL",
        None,
        "fsspec URL of training datasets and promotion evidence, like s3://bucket/folder, if not DATA_PATH: for runs "
        "that are spread over machines.",
    )
    sqlite_synchronous: Literal["NORMAL", "FULL"] = _setting(
        "RPS_SQLITE_SYNCHRONOUS", "FULL", "FULL survives a power cut, NORMAL only a killed process."
    )

    # Addresses
    host: str = _setting("RPS_HOST", "127.0.0.1", "Address the services listen on; loopback unless you say otherwise.")
    api_port: Port = _setting("RPS_API_PORT", 8080, "Port of the game and its API.")
    dagster_port: Port = _setting("RPS_DAGSTER_PORT", 3000, "Port of Dagster's UI.")
    mlflow_port: Port = _setting("RPS_MLFLOW_PORT", 5000, "Port of MLflow.")
    api_base_override: str | None = _setting("API_BASE", None, "Base URL of the API as other services reach it.")
    dagster_url_override: str | None = _setting(
        "RPS_DAGSTER_URL", None, "Base URL of Dagster's UI as other services reach it."
    )
    mlflow_tracking_uri_override: str | None = _setting("MLFLOW_TRACKING_URI", None, "MLflow tracking and registry.")
    dagster_public_url: str | None = _setting(
        "RPS_DAGSTER_PUBLIC_URL", None, "Base URL of Dagster's UI in links, if browsers reach it elsewhere."
    )
    mlflow_public_url: str | None = _setting(
        "RPS_MLFLOW_PUBLIC_URL", None, "Base URL of MLflow in links, if browsers reach it elsewhere."
    )
    api_token: SecretStr | None = _setting(
        "RPS_API_TOKEN", None, "Bearer token of the operator endpoints; without one they answer only on loopback."
    )
    bootstrap_games: int = _setting(
        "RPS_BOOTSTRAP_GAMES", 600, "Scripted games `rps up` plays into an empty store.", ge=0, le=100_000
    )

    # MinIO (or any S3 server) behind the model cache
    use_minio: bool = _setting("USE_MINIO", True, "Use the S3 server named by MINIO_ENDPOINT, if one is named.")
    minio_endpoint: str | None = _setting("MINIO_ENDPOINT", None, "URL of the S3 server, e.g. http://minio:9000.")
    minio_bucket: str = _setting("MINIO_BUCKET", "mlflow-artifacts", "Bucket of the model cache.")
    minio_access_key: SecretStr | None = _setting("MINIO_ACCESS_KEY", None, "Access key; there is no default.")
    minio_secret_key: SecretStr | None = _setting("MINIO_SECRET_KEY", None, "Secret key; there is no default.")

    # The page
    asset_version: str | None = _setting(
        "ASSET_VERSION",
        None,
        "Version in the address of the page's files, if not a hash of their bytes.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
    )
    ui_client_api_base: str = _setting(
        "UI_CLIENT_API_BASE",
        "",
        "Base URL or path of the API as browsers reach it, if not the page's own host.",
        pattern=r"^((https?://|/)[^\s;,'\"\\/][^\s;,'\"\\]*)?$",
    )
    grafana_dashboard_url: str | None = _setting("GRAFANA_DASHBOARD_URL", None, "Dashboard that the page links to.")

    # Play
    enable_ab_testing: bool = _setting("ENABLE_AB_TESTING", True, "Off: every game is played by Production.")
    ab_split_ratio: Share = _setting("AB_SPLIT_RATIO", 0.5, "Share of games played by Production.")
    ab_split_ratio_xgboost: Share | None = _setting("AB_SPLIT_RATIO_XGBOOST", None, "The same for xgboost alone.")
    ab_split_ratio_feedforward_nn: Share | None = _setting(
        "AB_SPLIT_RATIO_FEEDFORWARD_NN", None, "The same for feedforward_nn alone."
    )
    ab_split_ratio_multinomial_logistic: Share | None = _setting(
        "AB_SPLIT_RATIO_MULTINOMIAL_LOGISTIC", None, "The same for multinomial_logistic alone."
    )
    force_model_fallbacks: bool = _setting("RPS_FORCE_MODEL_FALLBACKS", False, "Play on uniform probabilities only.")
    model_refresh_seconds: float = _setting(
        "RPS_MODEL_REFRESH_SECONDS", 10.0, "How often the API looks whether the cache index changed.", ge=0.5, le=3600
    )
    model_reload_backoff_seconds: float = _setting(
        "MODEL_RELOAD_BACKOFF_SECONDS",
        30.0,
        "Pause before a slot that failed to load is tried again; doubles up to 64 times.",
        ge=0,
        le=3600,
    )
    public_predictions: bool = _setting(
        "RPS_PUBLIC_PREDICTIONS",
        False,
        "Anyone may ask POST /predict. Whoever asks before each move foretells the bot, so it is the operators' alone.",
    )

    # Statistics
    metrics_since: datetime = _setting(
        "METRICS_SINCE_DATE",
        datetime(2025, 10, 10, 8, tzinfo=UTC),
        "Statistics and Prometheus counters leave out games created earlier.",
    )

    # Alerts
    alert_webhook_url: SecretStr | None = _setting(
        "RPS_ALERT_WEBHOOK_URL",
        None,
        "Receives a POST of JSON with a `text` for each failed run and each check that begins to fail.",
    )

    # HTTP
    cors_origins: Annotated[tuple[str, ...], NoDecode] = _setting(
        "RPS_CORS_ORIGINS", (), "Origins whose pages may call the API, separated by commas, like https://play.example."
    )
    max_body_bytes: int = _setting("RPS_MAX_BODY_BYTES", 262_144, "Largest request body.", ge=1_024, le=100_000_000)
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = _setting(
        "RPS_TRUSTED_PROXIES",
        (),
        "Networks of reverse proxies whose X-Forwarded-For is believed, separated by commas, like 10.0.0.0/8; "
        "behind any other proxy all visitors count as one.",
    )
    starts_per_minute: int = _setting(
        "RPS_STARTS_PER_MINUTE",
        60,
        "Games that one client may start a minute; 0 is no limit. Programs on this machine are never limited.",
        ge=0,
        le=1_000_000,
    )
    plays_per_minute: int = _setting(
        "RPS_PLAYS_PER_MINUTE",
        600,
        "Rounds that one client may play a minute; 0 is no limit. Programs on this machine are never limited.",
        ge=0,
        le=1_000_000,
    )

    # Logs
    log_format: Literal["auto", "json", "text"] = _setting(
        "RPS_LOG_FORMAT", "auto", "Lines of the API's log; auto is text on a terminal and json elsewhere."
    )

    # Inference capture
    capture_inference_dir: Path | None = _setting(
        "RPS_CAPTURE_INFERENCE_DIR", None, "Folder for predictions with their features, to debug; none is written else."
    )
    capture_inference_sample_rate: float = _setting(
        "RPS_CAPTURE_INFERENCE_SAMPLE_RATE", 1.0, "Share of rounds that are captured; 0 or less is none."
    )
    capture_inference_max_mb: float = _setting(
        "RPS_CAPTURE_INFERENCE_MAX_MB", 256.0, "Size of the capture folder; the oldest days are dropped.", gt=0
    )

    # Training
    training_data_since: datetime = _setting(
        "TRAINING_DATA_SINCE_DATE", datetime(2025, 10, 1, tzinfo=UTC), "Games created earlier train nothing."
    )
    training_scripted_game_stride: int = _setting(
        "TRAINING_LEGACY_GAME_STRIDE", 5, "Every n-th scripted game trains, newest first; 1 keeps all.", ge=1
    )
    training_include_recordings: bool = _setting(
        "TRAINING_INCLUDE_RECORDINGS", False, "Let imported recordings of other games train too."
    )
    max_usable_rows: int = _setting("MAX_USABLE_ROWS", 3000, "Upper bound of training examples.", ge=200)
    min_examples: int = _setting("MIN_SUP_ROWS", 200, "Fewer examples than this train nothing.", ge=30)
    min_new_examples: int = _setting("MIN_NEW_ROWS_FOR_TRAINING", 50, "New examples that start a retraining.", ge=1)
    min_total_examples: int = _setting("MIN_TOTAL_ROWS", 300, "Examples that the first training waits for.", ge=1)
    training_interval_seconds: int = _setting(
        "TRAINING_INTERVAL_SECONDS", 1800, "Shortest time between two retrainings of the loop.", ge=0
    )
    training_seed: int = _setting("TRAINING_SEED", 42, "Seed of every random draw in training.", ge=0)
    training_threads: int = _setting("TRAINING_THREADS", 1, "Threads of a fit; more slows a busy machine.", ge=1)
    scripted_games: int = _setting("SCRIPTED_GAMES", 48, "Games of the scripted-play schedule.", ge=1, le=10_000)

    step_pods: bool = _setting(
        "RPS_STEP_PODS", False, "On Kubernetes: each step of a run in a pod of its own, with resources of its own."
    )

    # Promotion
    promotion_policy: Literal["sequential", "z_test", "lead"] = _setting(
        "PROMOTION_POLICY",
        "sequential",
        "Rule that decides a swap: sequential (right at every look), z_test, or lead (the original's). "
        "docs/promotion.md compares them.",
    )
    promotion_min_games: int = _setting(
        "PROMOTION_MIN_GAMES", 30, "Won or lost games each side needs under sequential and z_test; lead needs 3.", ge=1
    )
    promotion_alpha: float = _setting(
        "PROMOTION_ALPHA",
        0.05,
        "Largest chance of promoting a B that is no better: over all looks under sequential, at each under z_test.",
        gt=0,
        lt=1,
    )
    promotion_min_predictions: int = _setting(
        "PROMOTION_MIN_PREDICTIONS", 100, "Predictions a challenger needs before it is ranked.", ge=1
    )
    promotion_player_kinds: Annotated[tuple[Literal["human", "scripted"], ...], NoDecode] = _setting(
        "PROMOTION_PLAYER_KINDS",
        ("human",),
        "Whose games and predictions count, separated by commas; human,scripted lets a product promote that only the "
        "scripted players play.",
        min_length=1,
    )

    promotion_hold_games: int = _setting(
        "PROMOTION_HOLD_GAMES",
        10,
        "Won or lost games on both sides from which on a leading B holds back the retraining of its family.",
        ge=1,
    )
    promotion_hold_seconds: int = _setting(
        "PROMOTION_HOLD_SECONDS",
        259_200,
        "Longest time after its last training that a family is held back for a leading B; 0 holds back nothing.",
        ge=0,
    )

    @field_validator("promotion_player_kinds", "cors_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("api_token", mode="before")
    @classmethod
    def _no_blank_token(cls, value: object) -> object:
        # `RPS_API_TOKEN=` in a file of variables means none; as a token it would let in whoever sends an empty one.
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("database_url_override")
    @classmethod
    def _require_database_url(cls, value: str | None) -> str | None:
        if value:
            from sqlalchemy.engine import make_url
            from sqlalchemy.exc import ArgumentError

            try:
                make_url(value)
            except (ArgumentError, ValueError):
                # Without the cause, which repeats the value, and with it a password.
                raise ValueError("is no SQLAlchemy URL like postgresql+psycopg://user@host/name") from None
        return value

    @field_validator("training_data_since", "metrics_since")
    @classmethod
    def _assume_utc(cls, value: datetime) -> datetime:
        try:
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        except OverflowError:
            raise ValueError("is outside of the years 1 to 9999 in UTC") from None

    @model_validator(mode="after")
    def _minio_needs_keys(self) -> Self:
        if self.minio_selected and not (self.minio_access_key and self.minio_secret_key):
            raise ValueError("MINIO_ENDPOINT is set, so MINIO_ACCESS_KEY and MINIO_SECRET_KEY must be set too")
        return self

    @property
    def minio_selected(self) -> bool:
        """Whether the model cache lives on the S3 server."""
        return self.use_minio and self.minio_endpoint is not None and self.cache_url_override is None

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the gameplay store."""
        if self.database_url_override:
            return self.database_url_override
        path = self.db_path or self.data_path / "rps.db"
        return f"sqlite:///{path.absolute()}"

    @property
    def cache_url(self) -> str:
        """Fsspec URL of the model cache."""
        if self.cache_url_override:
            return self.cache_url_override
        if self.minio_selected:
            return f"s3://{self.minio_bucket}"
        return f"file://{(self.data_path / 'model_cache').absolute()}"

    @property
    def cache_storage_options(self) -> dict[str, Any]:
        """Options that fsspec hands to the file system of `cache_url`."""
        return self._storage_options(self.cache_url)

    @property
    def data_url(self) -> str:
        """Fsspec URL of the folder of training datasets and promotion evidence, without a trailing slash."""
        return (self.data_url_override or f"file://{self.data_path.absolute()}").rstrip("/")

    @property
    def data_storage_options(self) -> dict[str, Any]:
        """Options that fsspec hands to the file system of `data_url`."""
        return self._storage_options(self.data_url)

    def _storage_options(self, url: str) -> dict[str, Any]:
        if not url.startswith("s3://") or self.minio_endpoint is None:
            return {}
        return {
            "key": self.minio_access_key.get_secret_value() if self.minio_access_key else None,
            "secret": self.minio_secret_key.get_secret_value() if self.minio_secret_key else None,
            "endpoint_url": self.minio_endpoint,
            # Servers other than AWS send no checksum trailer; without this each read warns or fails.
            # And by default a server that hangs is waited for a minute at a time, although it may be back since.
            "config_kwargs": {
                "signature_version": "s3v4",
                "response_checksum_validation": "when_required",
                "connect_timeout": 5,
                "read_timeout": 20,
            },
            # Another process swaps the index object; a cached listing or body would hide it.
            "use_listings_cache": False,
        }

    @property
    def api_base_url(self) -> str:
        """Base URL of the API, without a trailing slash."""
        return (self.api_base_override or f"http://{self.host}:{self.api_port}").rstrip("/")

    @property
    def dagster_base_url(self) -> str:
        """Base URL of Dagster's UI, without a trailing slash."""
        return (self.dagster_url_override or f"http://{self.host}:{self.dagster_port}").rstrip("/")

    @property
    def dagster_link_url(self) -> str:
        """Base URL of Dagster's UI in links, without a trailing slash."""
        return (self.dagster_public_url or self.dagster_base_url).rstrip("/")

    @property
    def mlflow_tracking_uri(self) -> str:
        """Tracking and registry URI of MLflow."""
        return self.mlflow_tracking_uri_override or f"http://{self.host}:{self.mlflow_port}"

    @property
    def mlflow_link_url(self) -> str:
        """Base URL of MLflow in links, without a trailing slash; no address of HTTP where MLflow is no server."""
        return (self.mlflow_public_url or self.mlflow_tracking_uri).rstrip("/")

    def production_share(self, family: Family) -> float:
        """Return the share of this family's games that Production plays."""
        if not self.enable_ab_testing:
            return 1.0
        override: float | None = getattr(self, f"ab_split_ratio_{family}")
        return self.ab_split_ratio if override is None else override


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment; `overrides` (by field name) win.

    Raises:
        SettingsError: a variable has a value that cannot work; the message names each variable and its fault.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'settings'}: {fault['msg']}" for fault in error.errors()
        )
        raise SettingsError(f"the configuration cannot work: {faults}") from error
