"""The addresses of the documentation: a page without scripts, and the document beside it.

The framework's own pages load their scripts from a content delivery network, which tells strangers who reads this, and
shows nothing without the internet. This one is a single document with its style inside.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request, Router
from litestar.datastructures import ResponseHeader
from litestar.enums import MediaType
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.serialization import encode_json

from rps_api.openapi.document import openapi_document
from rps_api.openapi.reference import schemas, sections

DOCS_PATH = "/docs"
_FOLDER = Path(__file__).parent / "templates"


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
        """Return the page; it is the same for everybody, and rendered in a few milliseconds."""
        return render_page(openapi_document(request.app)).encode()


def openapi_config() -> OpenAPIConfig:
    """Return what the application needs to serve its documentation."""
    policy = f"default-src 'none'; style-src '{_style_hash()}'; base-uri 'none'; frame-ancestors 'none'"
    return OpenAPIConfig(
        title="RPS Quest MLOps Platform",
        version="2.0.0",
        description="A game of rock-paper-scissors whose bots learn from every round, and the models behind it.",
        use_handler_docstrings=True,
        openapi_router=Router(
            path=DOCS_PATH,
            route_handlers=[],
            include_in_schema=False,
            response_headers=[ResponseHeader(name="Content-Security-Policy", value=policy)],
        ),
        render_plugins=[PagePlugin(), DocumentPlugin()],
    )


def render_page(document: dict[str, Any]) -> str:
    """Return the documentation as HTML; every value is escaped by the template engine."""
    return (
        _environment()
        .get_template("docs.html.j2")
        .render(info=document["info"], sections=sections(document), schemas=schemas(document), style=_style())
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _style() -> str:
    return (_FOLDER / "docs.css").read_text(encoding="utf-8")


def _style_hash() -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
