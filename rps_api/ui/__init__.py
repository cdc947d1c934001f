"""The pages: server-rendered documents, a few style sheets and a handful of ES modules.

Belongs here: what the browser needs to play, and to watch the loop. Stays out: rules of the game (the pages ask the
API) and every build step (see `docs/adr/0006-browser-without-build-step.md`).
"""

from litestar.types import ControllerRouterHandler

from rps_api.ui.assets import STATIC_FOLDER, asset_version, static_files
from rps_api.ui.controller import page_handlers
from rps_api.ui.page import Pages
from rps_core.settings import Settings

__all__ = ("ui_handlers",)


def ui_handlers(settings: Settings) -> list[ControllerRouterHandler]:
    """Return the handlers of the pages and of their static files; the files are read and hashed once, here."""
    version = asset_version(STATIC_FOLDER, settings.page.asset_version)
    return [*page_handlers(Pages.of(settings, version)), *static_files(STATIC_FOLDER, version)]
