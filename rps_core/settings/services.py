"""Where the services listen, and how they reach each other."""

import ipaddress
import re
from typing import ClassVar

from pydantic import SecretStr, field_validator

from rps_core.addresses import Credentials, parse_address, public_address
from rps_core.settings.section import (
    Port,
    Section,
    http_address,
    require_clear_credentials,
    setting,
    without_credentials,
)

_EVERY_INTERFACE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared with, not listened on
_HOST_AND_PORT = re.compile(r"([\w.-]+|\[[0-9a-fA-F:]+\]):\d+(/.*)?")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
# Tracking URIs of MLflow without `://`, and the first characters of folders.
_MLFLOW_WORDS = ("databricks", "databricks-uc", "uc", ".", "..")
_MLFLOW_FOLDERS = ("/", "./", "../", "~/", "file:")


class ServiceSettings(Section):
    """Hosts, ports and base URLs of the API, Dagster and MLflow."""

    title: ClassVar[str] = "Addresses"

    host: str = setting(
        "RPS_HOST",
        "127.0.0.1",
        "Address that the services listen on; only this machine can reach the default.",
        form="host name or IP address",
    )
    api_port: Port = setting("RPS_API_PORT", 8080, "Port of the game and its API.")
    dagster_port: Port = setting("RPS_DAGSTER_PORT", 3000, "Port of Dagster's UI.")
    mlflow_port: Port = setting("RPS_MLFLOW_PORT", 5000, "Port of MLflow.")
    api_base_override: str | None = setting(
        "API_BASE", None, "URL at which other services reach the API; by default RPS_HOST and RPS_API_PORT.", repr=False
    )
    dagster_url_override: str | None = setting(
        "RPS_DAGSTER_URL",
        None,
        "URL at which other services reach Dagster's UI; by default RPS_HOST and RPS_DAGSTER_PORT.",
        repr=False,
    )
    mlflow_tracking_uri_override: str | None = setting(
        "MLFLOW_TRACKING_URI",
        None,
        "MLflow's tracking server and model registry; by default RPS_HOST and RPS_MLFLOW_PORT.",
        form="URL like http://mlflow:5000, or folder like ./mlruns",
        repr=False,
    )
    mlflow_username: str | None = setting("MLFLOW_TRACKING_USERNAME", None, "User of MLflow's server, if it asks.")
    mlflow_password: SecretStr | None = setting(
        "MLFLOW_TRACKING_PASSWORD", None, "Password of MLflow's server, if it asks."
    )
    dagster_public_url: str | None = setting(
        "RPS_DAGSTER_PUBLIC_URL",
        None,
        "URL of Dagster's UI in links, if browsers reach it under another address.",
    )
    mlflow_public_url: str | None = setting(
        "RPS_MLFLOW_PUBLIC_URL",
        None,
        "URL of MLflow in links, if browsers reach it under another address.",
    )

    _public = field_validator("dagster_public_url", "mlflow_public_url", mode="before")(without_credentials)

    @field_validator("host")
    @classmethod
    def _require_host(cls, value: str) -> str:
        host = value.removeprefix("[").removesuffix("]")
        try:
            # Not the name: it may mean several addresses, and each server would choose.
            return "127.0.0.1" if host.lower() == "localhost" else str(ipaddress.ip_address(host))
        except ValueError:
            if not re.fullmatch(r"(?=.*[A-Za-z])[\w.-]+", host, re.ASCII):
                raise ValueError("is not a host name or an IP address; ports have their own settings") from None
            return host

    @field_validator("api_base_override", "dagster_url_override", "dagster_public_url", "mlflow_public_url")
    @classmethod
    def _require_address(cls, value: str | None) -> str | None:
        return value and http_address(value)

    @field_validator("mlflow_tracking_uri_override")
    @classmethod
    def _require_tracking_uri(cls, value: str | None) -> str | None:
        if value is None or value in _MLFLOW_WORDS or value.startswith(_MLFLOW_FOLDERS):
            return value
        scheme, separator, rest = value.partition("://")
        if scheme.lower() in {"http", "https"} or (not separator and _HOST_AND_PORT.fullmatch(public_address(value))):
            return http_address(value)
        # MLflow takes a name alone for a folder, although most people mean a server.
        if not separator or not _SCHEME.fullmatch(scheme.lower()):
            raise ValueError("is neither the URL of a server like http://mlflow:5000 nor a folder like ./mlruns")
        return require_clear_credentials(f"{scheme.lower()}://{rest}")

    @property
    def reachable_host(self) -> str:
        """Host at which this machine reaches its own services, as it stands in a URL."""
        host = _EVERY_INTERFACE.get(self.host, self.host)
        return f"[{host}]" if ":" in host else host

    @property
    def api_base_url(self) -> str:
        """Base URL of the API, without a trailing slash."""
        return (self.api_base_override or f"http://{self.reachable_host}:{self.api_port}").rstrip("/")

    @property
    def api_link_url(self) -> str:
        """Base URL of the API in links, without a trailing slash and credentials."""
        return public_address(self.api_base_url)

    @property
    def dagster_base_url(self) -> str:
        """Base URL of Dagster's UI, without a trailing slash."""
        return (self.dagster_url_override or f"http://{self.reachable_host}:{self.dagster_port}").rstrip("/")

    @property
    def dagster_link_url(self) -> str:
        """Base URL of Dagster's UI in links, without a trailing slash and credentials."""
        return public_address(self.dagster_public_url or self.dagster_base_url).rstrip("/")

    @property
    def mlflow_tracking_uri(self) -> str:
        """Tracking and registry URI of MLflow; that of a server is without credentials."""
        uri = self.mlflow_tracking_uri_override or f"http://{self.reachable_host}:{self.mlflow_port}"
        return public_address(uri) if uri.startswith(("http://", "https://")) else uri

    @property
    def mlflow_credentials(self) -> Credentials | None:
        """User and password of MLflow's server: those in its address, or those of the two variables."""
        in_address = parse_address(self.mlflow_tracking_uri_override or "").credentials
        if in_address is not None or not (self.mlflow_username and self.mlflow_password):
            return in_address
        return Credentials(self.mlflow_username, self.mlflow_password.get_secret_value())

    @property
    def mlflow_environment(self) -> dict[str, str]:
        """The credentials as the variables that MLflow's clients read."""
        credentials = self.mlflow_credentials
        names = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
        return {} if credentials is None else dict(zip(names, credentials, strict=True))

    @property
    def mlflow_link_url(self) -> str:
        """Base URL of MLflow in links, without a trailing slash and credentials; no HTTP URL if it is not a server."""
        return public_address(self.mlflow_public_url or self.mlflow_tracking_uri).rstrip("/")
