"""The pages and their files over HTTP: headers, addresses, content. Needs no browser."""

import json
import re
from functools import cache
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from rps_api.ui import ui_handlers
from rps_api.ui.assets import STATIC_FOLDER, accepts_gzip, asset_names, asset_version, imported_modules
from rps_api.ui.page import browsable, choose_api_base, content_security_policy
from rps_core.errors import SettingsError
from rps_core.settings import load_settings

MODULES = asset_names(STATIC_FOLDER, ".js")
PACKAGES_OF_NODE = Path(__file__).parents[2] / "tools/node/npm-shrinkwrap.json"
IMPORT = re.compile(r'^(?:import|export) [^;]*? from "([^"]+)";', re.MULTILINE)


@cache
def application(**settings: object) -> Litestar:
    """Return an application with only the pages. Cached by settings."""
    loaded = load_settings(**settings)
    return Litestar(ui_handlers(loaded.page, loaded.services))


def client(**settings: object) -> TestClient[Litestar]:
    return TestClient(application(**settings))


PAGES = ["/", "/ui-lite", "/ui-lite-debug", "/observatory"]
LARGEST_PAGE_BYTES = 100_000


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_not_cached_and_allows_no_other_host(path: str) -> None:
    with client() as browser:
        reply = browser.get(path)
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/html")
    assert "no-store" in reply.headers["cache-control"]
    assert reply.headers["etag"] == f'"{asset_version(STATIC_FOLDER)}"'
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_inline_script_or_style_and_names_no_other_host(path: str) -> None:
    with client(
        mlflow_tracking_uri_override="sqlite:///mlflow.db", dagster_url_override="http://0.0.0.0:3000"
    ) as browser:
        page = browser.get(path).text
    assert re.findall(r"<script(?![^>]* src=)[^>]*>", page) == []
    assert "<style" not in page
    assert re.findall(r"\s(?:style|on\w+)=", page) == []
    assert "://" not in page


@pytest.mark.parametrize(("path", "entry"), [("/", "js/main.js"), ("/observatory", "js/observatory/main.js")])
def test_every_file_of_a_page_exists_and_can_be_cached_for_a_year(path: str, entry: str) -> None:
    with client() as browser:
        addresses = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', browser.get(path).text))
        modules = set(imported_modules(STATIC_FOLDER, entry))
        assert modules <= {address.split("/", 3)[3] for address in addresses}
        for address in addresses:
            reply = browser.get(address)
            assert reply.status_code == 200, address
            directives = {part.strip() for part in reply.headers["cache-control"].split(",")}
            assert directives == {"public", "max-age=31536000", "immutable"}
            assert "attachment" not in reply.headers.get("content-disposition", "")
            if address.endswith(".js"):
                assert reply.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_with_all_its_files_is_small_when_compressed(path: str) -> None:
    with client() as browser:
        page = browser.get(path, headers={"Accept-Encoding": "gzip"})
        addresses = sorted(set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)))
        replies = [page, *(browser.get(address, headers={"Accept-Encoding": "gzip"}) for address in addresses)]
    assert {reply.headers["content-encoding"] for reply in replies} == {"gzip"}
    assert sum(int(reply.headers["content-length"]) for reply in replies) <= LARGEST_PAGE_BYTES


def test_a_client_without_gzip_gets_plain_files() -> None:
    with client() as browser:
        address = f"/static/{asset_version(STATIC_FOLDER)}/css/frame.css"
        plain = browser.get(address, headers={"Accept-Encoding": "identity"})
        packed = browser.get(address, headers={"Accept-Encoding": "br, gzip"})
    assert "content-encoding" not in plain.headers
    assert plain.content == packed.content == (STATIC_FOLDER / "css/frame.css").read_bytes()
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", False),
        ("gzip", True),
        ("br;q=1.0, GZIP;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("*;q=0", False),
        ("identity, br", False),
        ("gzip;q=nonsense", True),
    ],
)
def test_gzip_is_sent_only_to_clients_that_accept_it(header: str, expected: bool) -> None:
    assert accepts_gzip(header) is expected


@pytest.mark.parametrize("path", ["../page.py", "%2e%2e/page.py", "js", "js/none.js", "", "..%2f..%2fapp.py"])
def test_only_the_files_of_the_page_are_served(path: str) -> None:
    with client() as browser:
        assert browser.get(f"/static/{asset_version(STATIC_FOLDER)}/{path}").status_code == 404


def test_a_file_of_another_version_is_not_found() -> None:
    with client() as browser:
        assert browser.get("/static/000000000000/css/frame.css").status_code == 404


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_files_of_its_version(module: str) -> None:
    source = (STATIC_FOLDER / module).read_text()
    for target in IMPORT.findall(source):
        assert target.startswith(("./", "../")), target
        found = (STATIC_FOLDER / module).parent / target
        assert found.resolve().is_relative_to(STATIC_FOLDER.resolve())
        assert found.is_file(), target


@pytest.mark.parametrize("module", MODULES)
def test_a_module_never_writes_markup(module: str) -> None:
    source = (STATIC_FOLDER / module).read_text()
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "setHTML"):
        assert forbidden not in source


def test_the_version_depends_on_names_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("one")
    first = asset_version(tmp_path)
    (tmp_path / "a.js").write_text("two")
    second = asset_version(tmp_path)
    (tmp_path / "a.js").rename(tmp_path / "b.js")
    assert len({first, second, asset_version(tmp_path)}) == 3
    assert re.fullmatch(r"[0-9a-f]{12}", first)


def test_a_configured_version_is_in_every_address_and_in_the_etag() -> None:
    with client(asset_version="2026-11.rc1") as browser:
        reply = browser.get("/")
        assert reply.headers["etag"] == '"2026-11.rc1"'
        assert set(re.findall(r"/static/([^/]+)/", reply.text)) == {"2026-11.rc1"}
        assert browser.get("/static/2026-11.rc1/js/main.js").status_code == 200


@pytest.mark.parametrize("version", ["..", "a/b", "a b", '"'])
def test_a_version_that_cannot_be_part_of_an_address_is_refused(version: str) -> None:
    with pytest.raises(SettingsError, match="asset_version"):
        load_settings(asset_version=version)


@pytest.mark.parametrize(
    ("requested", "configured", "expected"),
    [
        (None, "", ""),
        (None, "/games-api/", "/games-api"),
        ("", "https://api.example", ""),
        ("/v2/", "", "/v2"),
        ("https://api.example/", "https://api.example", "https://api.example"),
        ("https://stranger.example", "", None),
        ("//stranger.example", "", None),
        ("/\\stranger.example", "", None),
        ("javascript:alert(1)", "", None),
    ],
)
def test_only_an_api_on_this_host_or_the_configured_one_is_called(
    requested: str | None, configured: str, expected: str | None
) -> None:
    assert choose_api_base(requested, configured) == expected


def test_an_api_on_another_host_is_refused_and_the_error_names_the_setting() -> None:
    with client() as browser:
        reply = browser.get("/", params={"api_base": "https://stranger.example"})
    assert reply.status_code == 400
    assert "UI_CLIENT_API_BASE" in reply.text


def test_an_api_base_is_escaped() -> None:
    with client() as browser:
        page = browser.get("/", params={"api_base": '/"><script src=x>'}).text
    assert "<script src=x>" not in page


def test_the_policy_allows_calls_to_a_configured_api() -> None:
    assert "connect-src 'self' https://api.example:8443;" in content_security_policy("https://api.example:8443/v2")
    assert "connect-src" not in content_security_policy("/v2")


@pytest.mark.parametrize("base", ["//stranger.example", "https:///x", "ftp://x", "https://x;script-src *", "/\\x"])
def test_an_ambiguous_api_base_is_refused_at_the_start(base: str) -> None:
    with pytest.raises(SettingsError, match="ui_client_api_base"):
        load_settings(ui_client_api_base=base)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:3000/", "http://127.0.0.1:3000"),
        ("sqlite:///mlflow.db", None),
        ("http://0.0.0.0:3000", None),
        ("http://[::]:3000", None),
        ("javascript:alert(1)", None),
        (None, None),
    ],
)
def test_only_addresses_that_a_browser_can_open_become_links(url: str | None, expected: str | None) -> None:
    assert browsable(url) == expected


def test_every_package_of_node_is_pinned_by_hash_and_names_no_registry() -> None:
    packages = json.loads(PACKAGES_OF_NODE.read_text())["packages"]
    locked = {name: package for name, package in packages.items() if name}
    assert locked
    assert all(package["integrity"].startswith("sha512-") for package in locked.values())
    assert [name for name, package in locked.items() if "resolved" in package or not package["dev"]] == []
