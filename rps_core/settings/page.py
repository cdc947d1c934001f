"""Addresses and versions that the page in the browser needs."""

from typing import ClassVar

from pydantic import field_validator

from rps_core.settings.section import Section, http_address, setting, without_credentials


class PageSettings(Section):
    """Addresses and versions that the page uses."""

    title: ClassVar[str] = "Page"

    asset_version: str | None = setting(
        "ASSET_VERSION",
        None,
        "Version in the URLs of the page's files; by default a hash of their bytes.",
        form="up to 64 letters, digits, `.`, `_` and `-`, starting with a letter or digit",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
    )
    ui_client_api_base: str = setting(
        "UI_CLIENT_API_BASE",
        "",
        "Where browsers reach the API; by default the host that serves the page.",
        form="URL, or path like /api",
        pattern=r"^((https?://|/)[^\s;,'\"\\/][^\s;,'\"\\]*)?$",
    )
    grafana_dashboard_url: str | None = setting(
        "GRAFANA_DASHBOARD_URL", None, "URL of the Grafana dashboard that the page links to."
    )

    @field_validator("grafana_dashboard_url")
    @classmethod
    def _require_address(cls, value: str | None) -> str | None:
        return value and http_address(value)

    _public = field_validator("ui_client_api_base", "grafana_dashboard_url", mode="before")(without_credentials)
