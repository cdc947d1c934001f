"""Generate the types of the API's replies for the browser's modules: `make page-types`; `--check` only compares.

openapi-typescript writes them from the part of the API's OpenAPI document that the pages use.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rps_api.app import create_app
from rps_api.openapi.document import openapi_document
from rps_core.settings import default_settings

REPOSITORY = Path(__file__).parents[1]
TYPES = REPOSITORY / "rps_api/ui/types/api.d.ts"
NODE = Path(sys.executable).with_name("node")
GENERATOR = REPOSITORY / "tools/node/node_modules/openapi-typescript/bin/cli.js"

# The endpoints that the pages call.
CALLS = (
    ("get", "/bot_win_rates"),
    ("get", "/games/{game_id}"),
    ("get", "/games/{game_id}/rounds/{round_no}/explanation"),
    ("get", "/leaderboard"),
    ("get", "/models"),
    ("get", "/observatory/state"),
    ("post", "/play"),
    ("get", "/recent"),
    ("get", "/round_points"),
    ("post", "/start_game"),
    ("get", "/stats"),
    ("get", "/win_streaks"),
)
# Prose changes often and the types do not need it. A default would make a field of a request look required.
_LEFT_OUT = {"default", "description", "example", "examples", "format", "headers", "title"}
_REFERENCE = re.compile(r'"#/components/schemas/([^"]+)"')


def page_document(document: dict[str, Any]) -> dict[str, Any]:
    """Return the part of an OpenAPI document that holds the bodies of `CALLS` and the schemas they refer to."""
    paths: dict[str, Any] = {}
    for method, path in CALLS:
        operation = document["paths"][path][method]
        kept = {"responses": {"200": operation["responses"]["200"]}}
        if "requestBody" in operation:
            kept["requestBody"] = operation["requestBody"]
        paths.setdefault(path, {})[method] = _bare(kept)
    schemas = {name: _bare(schema) for name, schema in document["components"]["schemas"].items()}
    used: set[str] = set()
    waiting: list[Any] = [paths]
    while waiting:
        found = set(_REFERENCE.findall(json.dumps(waiting.pop()))) - used
        used |= found
        waiting += [schemas[name] for name in found]
    return {
        "openapi": document["openapi"],
        "info": {"title": "The pages' part of the API", "version": "1"},
        "paths": paths,
        "components": {"schemas": {name: schemas[name] for name in sorted(used)}},
    }


def _bare(node: Any) -> Any:
    """Return a copy of a node of the document without the keys in `_LEFT_OUT`; names of properties stay."""
    if isinstance(node, list):
        return [_bare(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: {name: _bare(schema) for name, schema in value.items()} if key == "properties" else _bare(value)
        for key, value in node.items()
        if key not in _LEFT_OUT
    }


def generated_types() -> str:
    """Return what openapi-typescript makes of the document of the default configuration."""
    document = page_document(openapi_document(create_app(default_settings(), refresh_models=False)))
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "openapi.json"), Path(folder, "api.d.ts")
        source.write_text(json.dumps(document))
        command = [NODE, GENERATOR, source, "--output", target]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own tool, fixed arguments
        return target.read_text()


def main() -> int:
    """Write `TYPES`, or with ``--check`` return 1 if it differs from what would be written."""
    found = generated_types()
    if "--check" not in sys.argv[1:]:
        TYPES.write_text(found)
        return 0
    if TYPES.read_text() == found:
        return 0
    print(f"{TYPES.relative_to(REPOSITORY)} is out of date; run: make page-types", file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
