"""The addresses of the game page."""

from typing import Annotated

from litestar import MediaType, Response, get
from litestar.exceptions import ValidationException
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from rps_api.ui.page import GamePage, choose_api_base

ApiBase = Annotated[
    str | None,
    QueryParameter(name="api_base", description="Path on this host, or the configured address, of the API to call."),
]


def page_handlers(page: GamePage) -> list[HTTPRouteHandler]:
    """Return the handlers of `/`, `/ui-lite` and `/ui-lite-debug`."""

    @get(["/", "/ui-lite"], name="ui:game", include_in_schema=False, sync_to_thread=False, media_type=MediaType.HTML)
    def show_game(api_base: ApiBase = None) -> Response[str]:
        """Serve the game."""
        return _respond(page, api_base, debug=False)

    @get("/ui-lite-debug", name="ui:debug", include_in_schema=False, sync_to_thread=False, media_type=MediaType.HTML)
    def show_debug_game(api_base: ApiBase = None) -> Response[str]:
        """Serve the game with the developer panel."""
        return _respond(page, api_base, debug=True)

    return [show_game, show_debug_game]


def _respond(page: GamePage, asked: str | None, *, debug: bool) -> Response[str]:
    api_base = choose_api_base(asked, page.api_base)
    if api_base is None:
        raise ValidationException("api_base must be a path on this host; set UI_CLIENT_API_BASE to use another one")
    return Response(page.render(api_base, debug=debug), media_type=MediaType.HTML, headers=page.headers(api_base))
