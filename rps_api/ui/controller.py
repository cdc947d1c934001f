"""The routes of the pages."""

from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.exceptions import ValidationException
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from rps_api.ui.assets import Packed, packed_response
from rps_api.ui.page import PageName, Pages, choose_api_base

ApiBase = Annotated[
    str | None,
    QueryParameter(name="api_base", description="The API to call: a path on this host, or the configured URL."),
]


def page_handlers(pages: Pages) -> list[HTTPRouteHandler]:
    """Return the handlers of `/`, `/ui-lite`, `/ui-lite-debug` and `/observatory`."""

    @get(["/", "/ui-lite"], name="ui:game", include_in_schema=False, sync_to_thread=False)
    def game_page(request: Request[Any, Any, Any], api_base: ApiBase = None) -> Response[bytes]:
        """Serve the game."""
        return _respond(request, pages, "game", api_base)

    @get("/ui-lite-debug", name="ui:debug", include_in_schema=False, sync_to_thread=False)
    def debug_page(request: Request[Any, Any, Any], api_base: ApiBase = None) -> Response[bytes]:
        """Serve the game with the developer panel."""
        return _respond(request, pages, "debug", api_base)

    @get("/observatory", name="ui:observatory", include_in_schema=False, sync_to_thread=False)
    def observatory_page(request: Request[Any, Any, Any], api_base: ApiBase = None) -> Response[bytes]:
        """Serve the observatory."""
        return _respond(request, pages, "observatory", api_base)

    return [game_page, debug_page, observatory_page]


def _respond(request: Request[Any, Any, Any], pages: Pages, page: PageName, requested: str | None) -> Response[bytes]:
    api_base = choose_api_base(requested, pages.api_base)
    if api_base is None:
        raise ValidationException("api_base must be a path on this host; set UI_CLIENT_API_BASE to use another one")
    packed = Packed.of(pages.render(page, api_base).encode())
    return packed_response(request, packed, "text/html", pages.headers(api_base))
