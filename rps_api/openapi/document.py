"""The OpenAPI document: what the framework derives from the routes, completed."""

import re
from http import HTTPStatus
from typing import Any, TypeAlias

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from rps_api.errors import PROBLEM_MEDIA_TYPE
from rps_api.openapi.examples import Example, load_examples
from rps_api.openapi.faults import FAULTS, UNHEALTHY, faults_of, is_operators
from rps_api.openapi.schemas import PARAMETERS, PROBLEMS, PROPERTIES, REPLIES
from rps_api.openapi.structs import body_schema, struct_schemas

Json: TypeAlias = dict[str, Any]
TOKEN_SCHEME = "operatorToken"  # noqa: S105 - the name of a scheme
_ORDER = tuple(FAULTS)
_TITLES = {
    "healthz": "Liveness",
    "readyz": "Readiness",
    "abTestStats": "A/B games",
    "featuresExample": "Example of features",
}


def openapi_document(app: Litestar) -> Json:
    """Return the document of an application; built once."""
    document: Json | None = app.state.get("openapi_document")
    if document is None:
        document = app.state["openapi_document"] = complete(app.openapi_schema.to_schema(), _handlers(app))
    return document


def complete(schema: Json, handlers: dict[tuple[str, str], HTTPRouteHandler]) -> Json:
    """Return the framework's `schema` with errors, security, descriptions and examples.

    Args:
        schema: the document as the framework writes it.
        handlers: the route of each path and method.
    """
    examples = load_examples()
    paths = {
        path: {
            method: _operation(told, handlers[path, method], examples.get(told["operationId"]))
            for method, told in methods.items()
        }
        for path, methods in sorted(schema["paths"].items(), key=_place)
    }
    schemas = schema["components"]["schemas"] | struct_schemas(list(handlers.values()))
    for name, precise in PROPERTIES.items():
        properties = schemas[name]["properties"]
        refined_fields = {field: refined(properties[field], told) for field, told in precise.items()}
        schemas[name] = schemas[name] | {"properties": properties | refined_fields}
    return schema | {
        "paths": paths,
        "components": {
            "schemas": dict(sorted((schemas | PROBLEMS).items())),
            "securitySchemes": {
                TOKEN_SCHEME: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "RPS_API_TOKEN; without one, these operations answer this machine alone.",
                }
            },
        },
    }


def refined(schema: Json, precise: Json) -> Json:
    """Return a schema with a more precise type, or with more said about the one it has."""
    if not {"anyOf", "oneOf"} & set(precise):
        return schema | precise
    # Bounds that stand beside alternatives belong to the type that is replaced.
    kept = {key: told for key, told in schema.items() if key in {"description", "default"}}
    return kept | precise


def title_of(operation_id: str) -> str:
    """Return a title for people: ``playRound`` becomes ``Play round``."""
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", operation_id).lower()
    return _TITLES.get(operation_id, words[:1].upper() + words[1:])


def _place(path: tuple[str, Json]) -> int:
    """Return where a path stands in a page: in the order of the table of errors, which follows the course of a game."""
    places = [_ORDER.index(told["operationId"]) for told in path[1].values() if told["operationId"] in _ORDER]
    return min(places, default=len(_ORDER))


def _handlers(app: Litestar) -> dict[tuple[str, str], HTTPRouteHandler]:
    return {
        (route.path_format or "/", method.lower()): handler
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in route.route_handler_map.items()
        if handler.resolve_include_in_schema()
    }


def _operation(told: Json, handler: HTTPRouteHandler, example: Example | None) -> Json:
    operation_id = told["operationId"]
    operation = told | {"summary": title_of(operation_id)}
    if parameters := told.get("parameters"):
        operation["parameters"] = [_parameter(one, operation_id, example) for one in parameters]
    if is_operators(handler):
        operation["security"] = [{TOKEN_SCHEME: []}]
    if "requestBody" in told:
        media = {"schema": body_schema(handler)} | ({"example": example.request} if example else {})
        operation["requestBody"] = told["requestBody"] | {"content": {"application/json": media}}
    success = told["responses"]["200"] | {"description": "Done."}
    if operation_id in REPLIES:
        success["content"] = REPLIES[operation_id]
    elif example:
        success = _with_example(success, example.reply)
    responses: Json = {"200": success}
    for status, text in faults_of(handler, operation).items():
        responses[str(status)] = _problem(operation_id, status, text)
    if operation_id in UNHEALTHY:
        responses["503"] = told["responses"]["200"] | {"description": "Not usable; the same body says why."}
    return operation | {"responses": responses}


def _parameter(told: Json, operation_id: str, example: Example | None) -> Json:
    name = told["name"]
    precise = PARAMETERS.get((operation_id, name)) or PARAMETERS.get(("", name), {})
    parameter = told | {"schema": refined(told["schema"], precise.get("schema", {}))}
    if text := precise.get("description"):
        parameter["description"] = text
    if example and name in example.parameters:
        parameter["example"] = example.parameters[name]
    return parameter


def _with_example(told: Json, example: Any) -> Json:
    content = {kind: media | {"example": example} for kind, media in told["content"].items()}
    return told | {"content": content}


def _problem(operation_id: str, status: int, text: str) -> Json:
    name = "PlayConflict" if (operation_id, status) == ("playRound", HTTPStatus.CONFLICT) else "Problem"
    headers: Json = {}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = {"description": "Bearer.", "schema": {"type": "string"}}
    return {
        "description": text,
        "headers": headers,
        "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{name}"}}},
    }
