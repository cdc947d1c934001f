"""What the API says about itself: one OpenAPI document, from which the page at /docs and `docs/api.md` are written.

The framework knows routes, parameters and types. Here stands what it cannot know: which errors an operation answers,
who may call it, and what a real request and its reply look like. Nothing the page shows comes from another host.
"""

from rps_api.openapi.document import openapi_document
from rps_api.openapi.serving import DOCS_PATH, openapi_config

__all__ = ("DOCS_PATH", "openapi_config", "openapi_document")
