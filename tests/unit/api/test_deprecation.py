"""Every answer of a deprecated route names its successor."""

import pytest
from litestar.handlers import HTTPRouteHandler

from tests.unit.api.conftest import OPERATOR, Table

DEPRECATED = [
    ("GET", "/models/stages", "/models"),
    ("GET", "/models/production", "/models"),
]


def test_the_list_of_deprecated_routes_is_complete(table: Table) -> None:
    routes = [
        (method, route.path)
        for route in table.client.app.routes  # type: ignore[attr-defined]
        for handler in getattr(route, "route_handlers", ())
        if isinstance(handler, HTTPRouteHandler) and handler.deprecated
        for method in handler.http_methods - {"OPTIONS"}
    ]
    assert sorted(routes) == sorted((method, path) for method, path, _ in DEPRECATED)


@pytest.mark.parametrize(("method", "path", "successor"), DEPRECATED)
@pytest.mark.parametrize("headers", [OPERATOR, {}])
def test_every_answer_names_the_successor_errors_included(
    table: Table, method: str, path: str, successor: str, headers: dict[str, str]
) -> None:
    answer = table.client.request(method, path, headers=headers)
    assert answer.status_code in ({200} if headers else {200, 401})
    assert answer.headers["deprecation"] == "@1793491200"
    assert answer.headers["link"] == f'<{successor}>; rel="successor-version"'


def test_other_routes_send_no_deprecation_header(table: Table) -> None:
    assert "deprecation" not in table.client.get("/models").headers
    assert "deprecation" not in table.client.get("/nowhere").headers
