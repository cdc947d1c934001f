"""What the page in the browser needs to know."""

from typing import ClassVar

from rps_core.settings.section import Section, setting


class PageSettings(Section):
    """Addresses and versions that the page uses."""

    title: ClassVar[str] = "Page"

    asset_version: str | None = setting(
        "ASSET_VERSION",
        None,
        "Version in the address of the page's files, if not a hash of their bytes.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
    )
    ui_client_api_base: str = setting(
        "UI_CLIENT_API_BASE",
        "",
        "Base URL or path of the API as browsers reach it, if not the page's own host.",
        pattern=r"^((https?://|/)[^\s;,'\"\\/][^\s;,'\"\\]*)?$",
    )
    grafana_dashboard_url: str | None = setting("GRAFANA_DASHBOARD_URL", None, "Dashboard that the page links to.")
