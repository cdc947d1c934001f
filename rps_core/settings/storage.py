"""Where state is stored: the gameplay database, training data and the model cache."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import SecretStr, field_validator, model_validator

from rps_core.settings.section import (
    LocalPath,
    Section,
    http_address,
    local_path,
    setting,
    without_credentials,
)

if TYPE_CHECKING:
    # Imported where it is used: settings are read at every start.
    from sqlalchemy import URL


_IN_MEMORY = "is a database in memory, which each process would have for itself; name a file"
_FILE = "file://"
_OPTIONS = re.compile(r"\w+=[^&]*(&\w+=[^&]*)*")


class StorageSettings(Section):
    """Folders, databases and buckets that hold all state."""

    title: ClassVar[str] = "Storage"

    data_path: LocalPath = setting(
        "DATA_PATH", Path(".rps"), "Folder for all state: database, model cache, MLflow, logs."
    )
    db_path: LocalPath | None = setting(
        "RPS_DB_PATH", None, "SQLite file of the gameplay store; by default DATA_PATH/rps.db."
    )
    database_url_override: str | None = setting(
        "RPS_DATABASE_URL",
        None,
        "Database of the gameplay store; takes precedence over RPS_DB_PATH.",
        form="SQLAlchemy URL like postgresql+psycopg://user@host/name",
        # The URL may hold a password.
        repr=False,
    )
    prepared_statements: Literal["auto", "off"] = setting(
        "RPS_PREPARED_STATEMENTS",
        "auto",
        "Prepared statements on PostgreSQL; `auto` does without them behind a pooler such as PgBouncer.",
    )
    sqlite_synchronous: Literal["NORMAL", "FULL"] = setting(
        "RPS_SQLITE_SYNCHRONOUS",
        "FULL",
        "Durability of a round: FULL survives a power cut, NORMAL only a killed process.",
    )
    data_url_override: str | None = setting(
        "RPS_DATA_URL",
        None,
        "Folder for training datasets and promotion evidence; by default DATA_PATH. Runs on several machines need it.",
        form="fsspec URL like s3://bucket/folder, or path",
        repr=False,
    )
    cache_url_override: str | None = setting(
        "RPS_CACHE_URL",
        None,
        "Folder for the model cache; by default the MinIO bucket, or DATA_PATH/model_cache without MinIO.",
        form="fsspec URL like s3://bucket/folder, or path",
        repr=False,
    )
    use_minio: bool = setting("USE_MINIO", True, "Use the S3 server at MINIO_ENDPOINT, if that is set.")
    minio_endpoint: str | None = setting("MINIO_ENDPOINT", None, "URL of the S3 server, like http://minio:9000.")
    minio_bucket: str = setting("MINIO_BUCKET", "mlflow-artifacts", "Bucket for the model cache.")
    minio_access_key: SecretStr | None = setting("MINIO_ACCESS_KEY", None, "Access key of the S3 server.")
    minio_secret_key: SecretStr | None = setting("MINIO_SECRET_KEY", None, "Secret key of the S3 server.")

    _public = field_validator("minio_endpoint", mode="before")(without_credentials)

    @field_validator("database_url_override")
    @classmethod
    def _require_database_url(cls, value: str | None) -> str | None:
        if value:
            from sqlalchemy.engine import make_url
            from sqlalchemy.exc import ArgumentError

            try:
                url = make_url(value)
            except (ArgumentError, ValueError):
                # Drop the cause: it repeats the value, which may hold a password.
                raise ValueError("is not a SQLAlchemy URL like postgresql+psycopg://user@host/name") from None
            # The text after the first @ would count as the host, which every error shows.
            if url.password is not None:
                place, _, options = value.partition(":")[2].partition(":")[2].partition("@")[2].partition("?")
                if "@" in place or ("@" in options and not _OPTIONS.fullmatch(options)):
                    raise ValueError("has an @ inside of its password; write it there as %40")
            # The forms that hosting companies hand out.
            backend, _, driver = url.drivername.lower().partition("+")
            if backend in {"postgres", "postgresql"}:
                backend, driver = "postgresql", driver or "psycopg"
            drivername = f"{backend}+{driver}" if driver else backend
            if backend == "sqlite":
                return _sqlite_url(url.set(drivername=drivername))
            if drivername != url.drivername:
                return url.set(drivername=drivername).render_as_string(hide_password=False)
        return value

    @field_validator("db_path")
    @classmethod
    def _require_file(cls, value: Path | None) -> Path | None:
        if value is not None and str(value) == ":memory:":
            raise ValueError(_IN_MEMORY)
        return value

    @field_validator("data_url_override", "cache_url_override")
    @classmethod
    def _require_folder_url(cls, value: str | None) -> str | None:
        return value and _folder_url(_require_no_keys(value))

    @field_validator("minio_endpoint")
    @classmethod
    def _require_address(cls, value: str | None) -> str | None:
        return value and http_address(value)

    @model_validator(mode="after")
    def _minio_needs_keys(self) -> Self:
        if self.minio_selected and not (self.minio_access_key and self.minio_secret_key):
            raise ValueError("MINIO_ENDPOINT is set; set MINIO_ACCESS_KEY and MINIO_SECRET_KEY too")
        return self

    @property
    def minio_selected(self) -> bool:
        """Whether the model cache is on the S3 server."""
        return self.use_minio and self.minio_endpoint is not None and self.cache_url_override is None

    @property
    def store_file(self) -> Path:
        """The SQLite file of the gameplay store, unless RPS_DATABASE_URL names another store."""
        return (self.db_path or self.data_path / "rps.db").absolute()

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the gameplay store."""
        if self.database_url_override:
            return self.database_url_override
        from sqlalchemy import URL

        # Not glued together: a path may contain characters that mean something in a URL.
        return URL.create("sqlite", database=str(self.store_file)).render_as_string()

    @property
    def engine_options(self) -> dict[str, str]:
        """Options of the engine on `database_url`."""
        return {"sqlite_synchronous": self.sqlite_synchronous, "prepared_statements": self.prepared_statements}

    @property
    def cache_url(self) -> str:
        """Fsspec URL of the model cache."""
        if self.cache_url_override:
            return self.cache_url_override
        if self.minio_selected:
            return f"s3://{self.minio_bucket}"
        return f"{_FILE}{(self.data_path / 'model_cache').absolute()}"

    @property
    def cache_storage_options(self) -> dict[str, Any]:
        """Options of the fsspec file system behind `cache_url`."""
        return self._storage_options(self.cache_url)

    @property
    def data_url(self) -> str:
        """Fsspec URL of the folder for training datasets and promotion evidence, without a trailing slash."""
        return (self.data_url_override or f"{_FILE}{self.data_path.absolute()}").rstrip("/")

    @property
    def data_folder(self) -> Path | None:
        """The folder behind `data_url`; None if it is not on this machine."""
        return _folder(self.data_url)

    @property
    def cache_folder(self) -> Path | None:
        """The folder behind `cache_url`; None if it is not on this machine."""
        return _folder(self.cache_url)

    @property
    def data_storage_options(self) -> dict[str, Any]:
        """Options of the fsspec file system behind `data_url`."""
        return self._storage_options(self.data_url)

    def _storage_options(self, url: str) -> dict[str, Any]:
        if not url.startswith(("s3://", "s3a://")):
            return {}
        options = {
            # Many servers other than AWS refuse the checksums that botocore sends by default, or send none themselves.
            # The default timeout of a minute outlasts most hangs of a server.
            "config_kwargs": {
                "signature_version": "s3v4",
                "request_checksum_calculation": "when_required",
                "response_checksum_validation": "when_required",
                "connect_timeout": 5,
                "read_timeout": 20,
            },
            # Another process swaps the index object; a cached listing would hide the swap.
            "use_listings_cache": False,
        }
        if self.minio_endpoint is None:
            # Address and keys come from the variables and files of AWS's own tools.
            return options
        return options | {
            "key": self.minio_access_key.get_secret_value() if self.minio_access_key else None,
            "secret": self.minio_secret_key.get_secret_value() if self.minio_secret_key else None,
            "endpoint_url": self.minio_endpoint,
        }


def _folder(url: str) -> Path | None:
    return Path(url.removeprefix(_FILE)) if url.startswith(_FILE) else None


def _sqlite_url(url: "URL") -> str:
    """Return the URL of a SQLite file with an absolute path, so that no process depends on its working folder."""
    database = url.database or ""
    if not database or ":memory:" in database or url.query.get("mode") == "memory":
        raise ValueError(_IN_MEMORY)
    if database.startswith("file:"):
        raise ValueError("holds a URI of SQLite; write the path alone, like sqlite:////srv/rps/rps.db")
    return url.set(database=str(Path(str(local_path(database))).absolute())).render_as_string()


def _require_no_keys(url: str) -> str:
    """Return the URL of a folder if no keys are in it: the libraries take them for a part of the bucket's name.

    Raises:
        ValueError: it is on S3 and contains keys.
    """
    scheme, _, rest = url.partition("://")
    bucket = rest.partition("/")[0]
    holds_keys = "@" in bucket or (":" in bucket and "@" in rest and not bucket.startswith("arn:"))
    if scheme.lower().endswith(("s3", "s3a")) and holds_keys:
        raise ValueError(
            "contains keys; remove them and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or MINIO_ENDPOINT, "
            "MINIO_ACCESS_KEY and MINIO_SECRET_KEY"
        )
    return url


def _folder_url(value: str) -> str:
    """Return the fsspec URL of a folder: of a local one ``file://`` and an absolute path, whichever form it has.

    Raises:
        ValueError: a local path is relative to a host, or a path and a URL are mixed up.
    """
    scheme, separator, rest = value.partition("://")
    if not separator:
        if re.match(r"[\w.+-]+:", value):
            raise ValueError("is neither a URL like s3://bucket/folder nor a path like /srv/rps")
        scheme, rest = "file", value
    elif scheme.lower() in {"file", "local"}:
        if not rest.startswith(("/", "~")):
            raise ValueError("is not absolute; write file:///srv/rps for the folder /srv/rps")
        scheme = "file"
    if scheme != "file":
        return f"{scheme.lower()}://{rest}"
    return f"{_FILE}{Path(str(local_path(rest))).absolute()}"
