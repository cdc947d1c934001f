"""The pages: server-rendered documents, a few style sheets and ES modules.

In scope: everything the browser needs to play and to watch the loop. Out of scope: the rules of the game, which the
pages get from the API, and any build step (see `docs/adr/0006-browser-without-build-step.md`).
"""

from litestar.types import ControllerRouterHandler

from rps_api.ui.assets import STATIC_FOLDER, asset_version, static_files
from rps_api.ui.controller import page_handlers
from rps_api.ui.page import Pages
from rps_core.settings import PageSettings, ServiceSettings

__all__ = ("ui_handlers",)


def ui_handlers(
    page: PageSettings, services: ServiceSettings, root_path: str = "", choice_rules: str = ""
) -> list[ControllerRouterHandler]:
    """Return the handlers of the pages and of their static files; reads and hashes the files once."""
    version = asset_version(STATIC_FOLDER, page.asset_version)
    return [
        *page_handlers(Pages.of(page, services, version, root_path, choice_rules)),
        *static_files(STATIC_FOLDER, version),
    ]
