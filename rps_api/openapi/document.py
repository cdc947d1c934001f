"""The OpenAPI document: Litestar's, with what follows from a route's guards, limits, body and parameters.

Litestar's schemas of structs lose bounds, such as a minimum of 0 and everything inside a list. msgspec, which checks
the requests, writes them instead.
"""

import inspect
import re
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeAlias, get_args, get_type_hints

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from rps_api.errors import PROBLEM_MEDIA_TYPE
from rps_api.guards import requires_operator, requires_prediction_access
from rps_api.limits import limits_plays, limits_starts
from rps_api.problems import Problem

Json: TypeAlias = dict[str, Any]
OPERATOR_GUARDS = (requires_operator, requires_prediction_access)
LIMITS = (limits_starts, limits_plays)
TOKEN_SCHEME = "operatorToken"  # noqa: S105 - the name of a scheme
# Requests and replies of a real game, by operation. `tests/contract/record_examples.py` records them.
EXAMPLES_FILE = Path(__file__).parent / "examples.json"
_SCHEMA_OF = "#/components/schemas/{name}"

_UNREADABLE = "The body is not valid JSON, or its values break a rule of the game."
_INVALID = "A field or parameter is missing or out of range. `errors` lists each of them."
_TOO_LARGE = "The body is larger than RPS_MAX_BODY_BYTES."
_NO_TOKEN = "A token is configured, and the request does not carry it."  # noqa: S105 - a sentence about one
_NOT_LOCAL = "No token is configured, and the request does not come from this machine."
_TOO_FAST = "The client sends requests too fast. `Retry-After` is the number of seconds to wait."
_HEADERS: dict[str, Json] = {
    "401": {"WWW-Authenticate": {"description": "Bearer.", "schema": {"type": "string"}}},
    "429": {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}},
}


class Example(msgspec.Struct, frozen=True, omit_defaults=True):
    """A recorded call: its body, its parameters by name, and the reply."""

    reply: Any
    request: Any = None
    parameters: dict[str, Any] = {}


def openapi_document(app: Litestar) -> Json:
    """Return the document of an application; built once."""
    document: Json | None = app.state.get("openapi_document")
    if document is None:
        document = app.state["openapi_document"] = _document(app.openapi_schema.to_schema(), _handlers(app))
    return document


@cache
def load_examples() -> dict[str, Example]:
    """Return the recorded calls by operation."""
    return msgspec.json.decode(EXAMPLES_FILE.read_bytes(), type=dict[str, Example])


def _document(schema: Json, handlers: dict[tuple[str, str], HTTPRouteHandler]) -> Json:
    paths: Json = {}
    for (path, method), handler in handlers.items():
        operation = _operation(schema["paths"][path][method], handler)
        paths.setdefault(path, {})[method] = operation
        if method == "get":
            paths[path]["head"] = _without_bodies(operation)
    components = schema["components"] | {"schemas": schema["components"]["schemas"] | _struct_schemas(handlers)}
    return schema | {"paths": paths, "components": components}


def _handlers(app: Litestar) -> dict[tuple[str, str], HTTPRouteHandler]:
    """Return the documented handlers by path and method, in the order of the source code."""
    found = {
        (route.path_format or "/", method.lower()): handler
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in route.route_handler_map.items()
        if handler.resolve_include_in_schema()
    }

    def position(item: tuple[Any, HTTPRouteHandler]) -> tuple[str, int]:
        code = _unwrapped(item[1].fn).__code__
        return code.co_filename, code.co_firstlineno

    return dict(sorted(found.items(), key=position))


def _operation(operation: Json, handler: HTTPRouteHandler) -> Json:
    operation = operation | {"summary": handler.summary or _title(operation["operationId"])}
    if _is_for_operators(handler):
        operation["security"] = [{TOKEN_SCHEME: []}]
    operation["responses"] = _responses(operation, handler)
    example = load_examples().get(operation["operationId"])
    return operation if example is None else _with_example(operation, example)


def _without_bodies(operation: Json) -> Json:
    """Return a GET as a HEAD: the middleware answers it with the same status and headers."""
    responses = {
        status: {name: value for name, value in answer.items() if name != "content"}
        for status, answer in operation["responses"].items()
    }
    summary = f"{operation['summary']}, headers only"
    return operation | {"operationId": f"{operation['operationId']}Head", "summary": summary, "responses": responses}


def _title(operation_id: str) -> str:
    """Return a title for people: ``playRound`` becomes ``Play round``."""
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", operation_id).lower()
    return words[:1].upper() + words[1:]


def _responses(operation: Json, handler: HTTPRouteHandler) -> Json:
    """Return the handler's own responses with the derived errors, by status."""
    own = {status: answer for status, answer in operation["responses"].items() if _is_ours(handler, status)}
    for status, text in _derived_errors(operation, handler).items():
        if status in own:
            own[status] = own[status] | {"description": f"{text} {own[status]['description']}"}
        else:
            content = {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": _SCHEMA_OF.format(name=Problem.__name__)}}}
            own[status] = {"description": text, "content": content}
    return {status: own[status] | {"headers": _HEADERS.get(status, {})} for status in sorted(own)}


def _is_ours(handler: HTTPRouteHandler, status: str) -> bool:
    """Return whether a handler declares a status; Litestar adds its own 400, which this API never returns."""
    return status == str(handler.status_code) or int(status) in (handler.responses or {})


def _derived_errors(operation: Json, handler: HTTPRouteHandler) -> dict[str, str]:
    found: dict[str, str] = {}
    if "requestBody" in operation:
        found |= {"400": _UNREADABLE, "413": _TOO_LARGE, "422": _INVALID}
    if any(parameter["in"] != "path" for parameter in operation.get("parameters", [])):
        found["422"] = _INVALID
    if _is_for_operators(handler):
        found |= {"401": _NO_TOKEN, "403": _NOT_LOCAL}
    if _unwrapped(handler.resolve_before_request()) in LIMITS:
        found["429"] = _TOO_FAST
    return found


def _is_for_operators(handler: HTTPRouteHandler) -> bool:
    return any(_unwrapped(guard) in OPERATOR_GUARDS for guard in handler.resolve_guards())


def _unwrapped(function: Any) -> Any:
    """Return a function as it was written; Litestar wraps plain ones to await them."""
    return getattr(function, "func", function)


def _with_example(operation: Json, example: Example) -> Json:
    for parameter in operation.get("parameters", []):
        if parameter["name"] in example.parameters:
            parameter["example"] = example.parameters[parameter["name"]]
    if "requestBody" in operation:
        operation["requestBody"]["content"]["application/json"]["example"] = example.request
    reply = operation["responses"][str(HTTPStatus.OK.value)]["content"].get("application/json")
    if reply is not None and example.reply is not None:
        reply["example"] = example.reply
    return operation


def _struct_schemas(handlers: dict[tuple[str, str], HTTPRouteHandler]) -> Json:
    structs = _structs_of(handlers)
    _, schemas = msgspec.json.schema_components(structs.values(), ref_template=_SCHEMA_OF)
    return {name: described(schema, structs[name]) for name, schema in schemas.items() if name in structs}


def _structs_of(handlers: dict[tuple[str, str], HTTPRouteHandler]) -> dict[str, type[msgspec.Struct]]:
    """Return the structs of all requests and replies by name, with the structs inside them."""
    found: dict[str, type[msgspec.Struct]] = {}
    waiting: list[Any] = [Problem]
    for handler in handlers.values():
        waiting.append(handler.parsed_return_field.annotation)
        waiting += [spec.data_container for spec in (handler.responses or {}).values()]
        if handler.parsed_data_field is not None:
            waiting.append(handler.parsed_data_field.annotation)
    while waiting:
        kind = waiting.pop()
        waiting.extend(get_args(kind))
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__name__ not in found:
            found[kind.__name__] = kind
            waiting.extend(get_type_hints(kind).values())
    return found


def described(schema: Json, struct: type[msgspec.Struct]) -> Json:
    """Return a schema with the text of the struct's docstring, and with its attributes' texts at the properties."""
    # Only the document needs it, and the document is built when somebody first asks for it.
    import docstring_parser

    docstring = docstring_parser.parse(inspect.getdoc(struct) or "")
    properties = {name: dict(property_) for name, property_ in schema.get("properties", {}).items()}
    for attributes in docstring.params:
        text = " ".join((attributes.description or "").split())
        for name in properties.keys() & attributes.arg_name.split(", "):
            properties[name]["description"] = text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
    return schema | {"description": " ".join((docstring.description or "").split()), "properties": properties}
