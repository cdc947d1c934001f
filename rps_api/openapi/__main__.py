"""Print `docs/api.md`: ``python -m rps_api.openapi > docs/api.md``. Needs no configuration and opens no store."""

import sys

from rps_api.app import create_app
from rps_api.openapi.document import openapi_document
from rps_api.openapi.pages import render_markdown
from rps_core.settings import default_settings


def rendered() -> str:
    """Return the page for the default configuration."""
    return render_markdown(openapi_document(create_app(default_settings(), refresh_models=False)))


if __name__ == "__main__":
    sys.stdout.write(rendered())
