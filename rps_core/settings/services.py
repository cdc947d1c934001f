"""Where the services listen, and how they reach each other."""

from typing import ClassVar

from rps_core.settings.section import Port, Section, setting


class ServiceSettings(Section):
    """Hosts, ports and base URLs of the API, Dagster and MLflow."""

    title: ClassVar[str] = "Addresses"

    host: str = setting(
        "RPS_HOST", "127.0.0.1", "Address that the services listen on; only this machine can reach the default."
    )
    api_port: Port = setting("RPS_API_PORT", 8080, "Port of the game and its API.")
    dagster_port: Port = setting("RPS_DAGSTER_PORT", 3000, "Port of Dagster's UI.")
    mlflow_port: Port = setting("RPS_MLFLOW_PORT", 5000, "Port of MLflow.")
    api_base_override: str | None = setting(
        "API_BASE", None, "URL at which other services reach the API; by default RPS_HOST and RPS_API_PORT."
    )
    dagster_url_override: str | None = setting(
        "RPS_DAGSTER_URL",
        None,
        "URL at which other services reach Dagster's UI; by default RPS_HOST and RPS_DAGSTER_PORT.",
    )
    mlflow_tracking_uri_override: str | None = setting(
        "MLFLOW_TRACKING_URI",
        None,
        "MLflow's tracking server and model registry; by default RPS_HOST and RPS_MLFLOW_PORT.",
    )
    dagster_public_url: str | None = setting(
        "RPS_DAGSTER_PUBLIC_URL", None, "URL of Dagster's UI in links, if browsers reach it under another address."
    )
    mlflow_public_url: str | None = setting(
        "RPS_MLFLOW_PUBLIC_URL", None, "URL of MLflow in links, if browsers reach it under another address."
    )

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
        """Base URL of MLflow in links, without a trailing slash; not an HTTP URL if MLflow is a local folder."""
        return (self.mlflow_public_url or self.mlflow_tracking_uri).rstrip("/")
