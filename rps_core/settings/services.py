"""Where the services listen, and how they reach each other."""

from typing import ClassVar

from rps_core.settings.section import Port, Section, setting


class ServiceSettings(Section):
    """Hosts, ports and base URLs of the API, Dagster and MLflow."""

    title: ClassVar[str] = "Addresses"

    host: str = setting("RPS_HOST", "127.0.0.1", "Address the services listen on; loopback unless you say otherwise.")
    api_port: Port = setting("RPS_API_PORT", 8080, "Port of the game and its API.")
    dagster_port: Port = setting("RPS_DAGSTER_PORT", 3000, "Port of Dagster's UI.")
    mlflow_port: Port = setting("RPS_MLFLOW_PORT", 5000, "Port of MLflow.")
    api_base_override: str | None = setting("API_BASE", None, "Base URL of the API as other services reach it.")
    dagster_url_override: str | None = setting(
        "RPS_DAGSTER_URL", None, "Base URL of Dagster's UI as other services reach it."
    )
    mlflow_tracking_uri_override: str | None = setting("MLFLOW_TRACKING_URI", None, "MLflow tracking and registry.")
    dagster_public_url: str | None = setting(
        "RPS_DAGSTER_PUBLIC_URL", None, "Base URL of Dagster's UI in links, if browsers reach it elsewhere."
    )
    mlflow_public_url: str | None = setting(
        "RPS_MLFLOW_PUBLIC_URL", None, "Base URL of MLflow in links, if browsers reach it elsewhere."
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
        """Base URL of MLflow in links, without a trailing slash; no address of HTTP where MLflow is no server."""
        return (self.mlflow_public_url or self.mlflow_tracking_uri).rstrip("/")
