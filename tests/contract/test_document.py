"""The OpenAPI document is complete, its examples fit its schemas, and the pages made from it are current."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from rps_api.openapi import openapi_document
from rps_api.openapi.__main__ import rendered
from rps_api.openapi.document import described

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def document(app: Litestar) -> Json:
    return openapi_document(app)


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    """Yield every operation except HEAD, which is GET without bodies."""
    for methods in document["paths"].values():
        for method, operation in methods.items():
            if method != "head":
                yield operation["operationId"], operation


def test_every_get_has_a_head_without_bodies(document: Json) -> None:
    for methods in document["paths"].values():
        assert ("head" in methods) == ("get" in methods)
        if "head" in methods:
            head, get = methods["head"], methods["get"]
            assert head["operationId"] == f"{get['operationId']}Head"
            assert head["responses"].keys() == get["responses"].keys()
            assert all("content" not in answer for answer in head["responses"].values())


def test_every_operation_is_described(document: Json) -> None:
    silent = [
        name
        for name, operation in operations(document)
        if not (operation["tags"] and operation["summary"] and operation["description"].strip().endswith("."))
    ]
    assert silent == []


def test_errors_follow_from_the_body_the_parameters_the_guards_and_the_limits(document: Json) -> None:
    found = {name: set(operation["responses"]) for name, operation in operations(document)}
    assert found["listPolicies"] == {"200"}
    assert found["recentRounds"] == {"200", "404", "422", "503"}
    assert found["playRound"] == {"200", "400", "404", "409", "413", "422", "429", "503"}
    assert found["reloadSlot"] == {"200", "400", "401", "403", "429"}


def test_bounds_of_fields_reach_the_document(document: Json) -> None:
    values = document["components"]["schemas"]["Values"]["properties"]
    assert (values["rock"]["minimum"], values["rock"]["maximum"]) == (0, 100)
    history = document["components"]["schemas"]["PredictRequest"]["properties"]["player_history"]
    assert (history["maxItems"], history["items"]["enum"]) == (200, ["rock", "paper", "scissors"])


def test_operation_ids_are_unique(document: Json) -> None:
    names = [name for name, _ in operations(document)]
    assert len(names) == len(set(names))


def test_every_parameter_is_explained(document: Json) -> None:
    silent = [
        (name, parameter["name"])
        for name, operation in operations(document)
        for parameter in operation.get("parameters", [])
        if not parameter.get("description")
    ]
    assert silent == []


def test_every_error_is_a_problem_with_a_detail(document: Json) -> None:
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status in {"200", "202"} or (status == "503" and "application/json" in answer["content"]):
                continue
            assert list(answer["content"]) == ["application/problem+json"], f"{name} {status}"
    assert "detail" in document["components"]["schemas"]["Problem"]["required"]


def test_operator_endpoints_name_their_security_scheme_and_public_ones_do_not(document: Json) -> None:
    operators = {
        name for name, operation in operations(document) if operation.get("security") == [{"operatorToken": []}]
    }
    assert {"reloadModels", "unloadModel", "promoteModel", "reportPromotion", "modelState", "predict"} <= operators
    assert operators.isdisjoint({"startGame", "playRound", "getGame", "explainRound", "leaderboard", "healthz"})
    assert document["components"]["securitySchemes"]["operatorToken"]["scheme"] == "bearer"


def test_every_operation_has_examples_that_fit_its_schemas(document: Json) -> None:
    for name, operation in operations(document):
        reply = operation["responses"]["200"]["content"].get("application/json", {})
        assert name == "exportRounds" or "example" in reply, f"{name} has no example; record them again"
        for place in (operation.get("requestBody", {}).get("content", {}).get("application/json"), reply):
            if place and "example" in place:
                complaints = list(faults(document, place["schema"], place["example"]))
                assert complaints == [], f"{name}: {complaints[:3]}"
        for parameter in operation.get("parameters", []):
            if "example" in parameter:
                assert list(faults(document, parameter["schema"], parameter["example"])) == [], name


def test_an_example_that_breaks_its_schema_is_found(document: Json) -> None:
    example = dict(document["paths"]["/play"]["post"]["responses"]["200"]["content"]["application/json"]["example"])
    example["result"] = "victory"
    assert list(faults(document, {"$ref": "#/components/schemas/PlayReply"}, example)) != []


def test_the_markdown_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == rendered(), "run `python -m rps_api.openapi > docs/api.md`"


def test_links_inside_the_markdown_page_have_targets() -> None:
    text = PAGE.read_text(encoding="utf-8")
    headings = {re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-") for line in text.splitlines()}
    assert {target for target in re.findall(r"\]\(#([^)]+)\)", text) if target not in headings} == set()


class Elements(HTMLParser):
    """The tags, links and ids of a page: everything a browser would run, load or follow."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]
        self.ids += [value or "" for name, value in attrs if name == "id"]


def test_the_page_has_no_script_and_loads_nothing_from_other_hosts(client: TestClient[Litestar]) -> None:
    answer = client.get("/docs")
    elements = Elements(answer.text)
    assert answer.headers["content-type"].startswith("text/html")
    assert not {"img", "iframe"} & set(elements.tags)
    assert {address for address in elements.addresses if not address.startswith("#")} == {
        *("/", "/favicon.ico", "/openapi.json"),
    }
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert re.search(r"url\(|@import|https?://(?!127\.0\.0\.1)", style_of(answer.text)) is None


def test_the_content_policy_allows_the_style_of_the_page(client: TestClient[Litestar]) -> None:
    import base64
    import hashlib

    answer = client.get("/docs")
    digest = base64.b64encode(hashlib.sha256(style_of(answer.text).encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]
    script = answer.text.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in answer.headers["content-security-policy"]
    assert client.get("/favicon.ico").headers["content-type"].startswith("image/svg+xml")


def test_the_page_shows_every_operation_and_its_links_have_targets(
    client: TestClient[Litestar], document: Json
) -> None:
    elements = Elements(client.get("/docs").text)
    assert {name for name, _ in operations(document)} <= set(elements.ids)
    assert {address[1:] for address in elements.addresses if address.startswith("#")} <= set(elements.ids)
    assert len(elements.ids) == len(set(elements.ids))


def test_the_document_is_where_the_original_had_it(client: TestClient[Litestar], document: Json) -> None:
    assert client.get("/openapi.json").json() == document
    assert client.get("/docs/openapi.json").json() == document


def test_redoc_redirects_to_the_documentation(client: TestClient[Litestar]) -> None:
    answer = client.get("/redoc", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (302, "/docs")


class Documented(msgspec.Struct):
    """What it is,
    in two lines.

    Attributes:
        first, second: what
            they are.
        third: more
    """

    first: int
    second: int
    third: int


def test_the_docstring_of_a_struct_describes_its_fields() -> None:
    _, schemas = msgspec.json.schema_components([Documented])
    found = described(schemas["Documented"], Documented)
    assert found["description"] == "What it is, in two lines."
    texts = {name: field["description"] for name, field in found["properties"].items()}
    assert texts == {"first": "What they are.", "second": "What they are.", "third": "More."}


def style_of(page: str) -> str:
    return page.partition("<style>")[2].partition("</style>")[0]


def faults(document: Json, schema: Json, value: Any) -> Iterator[str]:
    """Errors of a value against a schema that may refer to the document."""
    whole = schema | {"components": document["components"]}
    validator = jsonschema_rs.Draft202012Validator(whole)
    return (error.message for error in validator.iter_errors(value))
