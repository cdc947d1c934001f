"""Where state is kept: the gameplay database, training data and the model cache."""

from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import SecretStr, field_validator, model_validator

from rps_core.settings.section import Section, setting


class StorageSettings(Section):
    """Folders, databases and buckets that hold the product's state."""

    title: ClassVar[str] = "Storage"

    data_path: Path = setting("DATA_PATH", Path(".rps"), "Folder of all state: database, model cache, MLflow, logs.")
    db_path: Path | None = setting("RPS_DB_PATH", None, "SQLite file of the gameplay store, if not DATA_PATH/rps.db.")
    database_url_override: str | None = setting(
        "RPS_DATABASE_URL",
        None,
        "SQLAlchemy URL of the gameplay store, like postgresql+psycopg://…; beats RPS_DB_PATH.",
        # It may hold a password.
        repr=False,
    )
    sqlite_synchronous: Literal["NORMAL", "FULL"] = setting(
        "RPS_SQLITE_SYNCHRONOUS", "FULL", "FULL survives a power cut, NORMAL only a killed process."
    )
    data_url_override: str | None = setting(
        "RPS_DATA_URL",
        None,
        "fsspec URL of training datasets and promotion evidence, like s3://bucket/folder, if not DATA_PATH: for runs "
        "that are spread over machines.",
    )
    cache_url_override: str | None = setting(
        "RPS_CACHE_URL", None, "fsspec URL of the model cache, if neither MinIO nor DATA_PATH/model_cache is meant."
    )
    use_minio: bool = setting("USE_MINIO", True, "Use the S3 server named by MINIO_ENDPOINT, if one is named.")
    minio_endpoint: str | None = setting("MINIO_ENDPOINT", None, "URL of the S3 server, e.g. http://minio:9000.")
    minio_bucket: str = setting("MINIO_BUCKET", "mlflow-artifacts", "Bucket of the model cache.")
    minio_access_key: SecretStr | None = setting("MINIO_ACCESS_KEY", None, "Access key; there is no default.")
    minio_secret_key: SecretStr | None = setting("MINIO_SECRET_KEY", None, "Secret key; there is no default.")

    @field_validator("database_url_override")
    @classmethod
    def _require_database_url(cls, value: str | None) -> str | None:
        if value:
            from sqlalchemy.engine import make_url
            from sqlalchemy.exc import ArgumentError

            try:
                make_url(value)
            except (ArgumentError, ValueError):
                # Without the cause: it repeats the value, which may hold a password.
                raise ValueError("is not a SQLAlchemy URL like postgresql+psycopg://user@host/name") from None
        return value

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
