"""The routes of the documentation: one page, and the document next to it.

Litestar's own pages need inline scripts, which the content policy forbids, and load the rest from a content delivery
network: that network learns who reads them, and without internet access they stay empty.
"""

import base64
import hashlib
from typing import Any

from litestar import Request, Router
from litestar.datastructures import ResponseHeader
from litestar.enums import MediaType
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Server, Tag
from litestar.serialization import encode_json

from rps_api.openapi.document import TOKEN_SCHEME, openapi_document
from rps_api.openapi.pages import page_script, page_style, render_html

DOCS_PATH = "/docs"
TAGS = {
    "play": "Start games, play rounds, read them back. `round` or an `Idempotency-Key` makes a retry safe.",
    "prediction": "Predictions for a game in the request. For operators: see docs/adr/0008-no-oracle.md.",
    "models": "The served models, and the operators' requests to change them.",
    "analytics": "How well people play, and the rounds themselves. Test games never count.",
    "observatory": "Public totals of the whole loop.",
    "internal": "Reports of trainings and promotions, and data for dashboards. For operators.",
    "system": "Health and version. There are also `GET /metrics` (Prometheus) and `GET /openapi.json`.",
}


class DocumentPlugin(JsonRenderPlugin):
    """Serves the completed document."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002
        """Return the document as JSON."""
        return encode_json(openapi_document(request.app))


class PagePlugin(OpenAPIRenderPlugin):
    """Serves the page."""

    def __init__(self) -> None:
        super().__init__(path="/", media_type=MediaType.HTML)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002
        """Return the page; rendering takes a few milliseconds."""
        return render_html(openapi_document(request.app)).encode()


def _allowed(text: str) -> str:
    """Return how a content policy names an inline text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def openapi_config(root_path: str = "") -> OpenAPIConfig:
    """Return the configuration of the document and its routes."""
    policy = (
        f"default-src 'none'; style-src {_allowed(page_style())}; script-src {_allowed(page_script())}; "
        "img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    token = SecurityScheme(
        type="http",
        scheme="bearer",
        description="RPS_API_TOKEN. If none is configured, these operations answer only requests from this machine.",
    )
    return OpenAPIConfig(
        title="RPS Quest MLOps Platform",
        version="2.0.0",
        description="A game of rock-paper-scissors whose bots learn from every round, and the models behind it.",
        servers=[Server(url=root_path or "/")],
        tags=[Tag(name, description) for name, description in TAGS.items()],
        components=Components(security_schemes={TOKEN_SCHEME: token}),
        use_handler_docstrings=True,
        openapi_router=Router(
            path=DOCS_PATH,
            route_handlers=[],
            include_in_schema=False,
            response_headers=[ResponseHeader(name="Content-Security-Policy", value=policy)],
        ),
        render_plugins=[PagePlugin(), DocumentPlugin()],
    )
