"""The API's description of itself: the OpenAPI document, the page at /docs and `docs/api.md`.

A handler documents itself: parameters, `responses=` from `rps_api.problems`, its docstring. This folder adds what
follows from guards, limits and bodies, and the recorded examples. The page loads nothing from another host.
"""

from rps_api.openapi.document import openapi_document
from rps_api.openapi.serving import DOCS_PATH, openapi_config

__all__ = ("DOCS_PATH", "openapi_config", "openapi_document")
