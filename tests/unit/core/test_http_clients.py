"""Clients of HTTP take proxies and certificates only for the addresses that need them, and errors name the variable."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest

from rps_assets.serving.model_registry import ModelRegistry
from rps_cli.network import fault_of
from rps_core.api_client import ApiClient, ApiError
from rps_core.dagster_runs import AsyncDagsterRuns, DagsterRuns, DagsterUnavailable
from rps_core.errors import RpsError
from rps_core.http_clients import HttpSetupError, async_http_client, http_client, trusted_authorities
from rps_core.proxies import NamedProxy, bypass_proxies, proxy_of
from rps_core.registry_server import RegistryFault, RegistryServer
from rps_core.simulation.report import PlannedGame
from rps_core.simulation.simulator import play_games
from tests.builders.ports import free_port

LOCAL = "http://127.0.0.1:9"
REMOTE = "http://mlflow.example:5000"
SECRET = "pr0xy-s3cret"
UNREADABLE = [
    f'"http://u:{SECRET}@p:1"',
    f"socks4://u:{SECRET}@p:1",
    "http://proxy:port",
    f"http://u:{SECRET}/x@p:1",
    f"http://u:{SECRET}#x@p:1",
    f"http://u:12/{SECRET}@p:1",
    "http://",
    "ftp://p",
]
SOCKS = ["socks://127.0.0.1:1080/", "socks5://127.0.0.1:1080", "socks5h://127.0.0.1:1080", "SOCKS5://127.0.0.1:1080"]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    trusted_authorities.cache_clear()


@pytest.mark.parametrize("proxy", UNREADABLE + SOCKS)
@pytest.mark.parametrize("url", [LOCAL, "http://localhost:9", "http://[::1]:9", "http://127.8.0.1"])
def test_no_proxy_variable_matters_to_this_machine(monkeypatch: pytest.MonkeyPatch, proxy: str, url: str) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy)
    http_client(url).close()
    assert proxy_of(url) is None


@pytest.mark.parametrize("proxy", UNREADABLE)
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "all_proxy"])
def test_an_unreadable_proxy_is_a_sentence_without_its_value(
    monkeypatch: pytest.MonkeyPatch, proxy: str, variable: str
) -> None:
    monkeypatch.setenv(variable, proxy)
    for make in (http_client, async_http_client):
        with pytest.raises(
            HttpSetupError, match=rf"^{variable} is not the URL of a proxy like .*%2F.*NO_PROXY"
        ) as said:
            make(REMOTE)
        assert SECRET not in str(said.value)


@pytest.mark.parametrize("proxy", SOCKS)
def test_a_socks_proxy_names_the_packages_that_it_needs(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(HttpSetupError, match=r"ALL_PROXY names a SOCKS proxy, .*socksio and pysocks"):
        http_client(REMOTE)


def test_every_client_turns_the_sentence_into_its_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:1080/")
    said = "ALL_PROXY names a SOCKS proxy"
    with pytest.raises(ApiError, match=f"GET {REMOTE}/models cannot be sent: {said}"):
        ApiClient(REMOTE).get("/models")
    assert not ApiClient(REMOTE).is_up()
    with pytest.raises(DagsterUnavailable, match=f"Dagster at {REMOTE} cannot be called: {said}"):
        DagsterRuns(REMOTE).query("{ version }", {})
    with pytest.raises(RegistryFault, match=f"MLflow at {REMOTE} cannot be called: {said}"):
        RegistryServer(REMOTE).aliased_versions()
    with pytest.raises(RpsError, match=said):
        play_games(REMOTE, [PlannedGame(0, "cal", "forrest")], seed=1)
    with pytest.raises(RpsError, match=said):
        ModelRegistry(REMOTE).aliases("xgboost")
    assert str(fault_of(REMOTE)).startswith(said)


def test_so_does_the_client_of_an_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy:port")
    with pytest.raises(DagsterUnavailable, match="cannot be called: ALL_PROXY is not the URL"):
        asyncio.run(AsyncDagsterRuns(REMOTE).ask("{ version }", {}))


@pytest.mark.parametrize(
    ("variables", "url", "proxy"),
    [
        ({"HTTP_PROXY": "http://p:1"}, REMOTE, ("HTTP_PROXY", "http://p:1")),
        ({"http_proxy": "http://q", "HTTP_PROXY": "http://p"}, REMOTE, ("http_proxy", "http://q")),
        ({"HTTP_PROXY": "http://p", "ALL_PROXY": "http://a"}, "https://h", ("ALL_PROXY", "http://a")),
        ({"HTTPS_PROXY": "http://p"}, "http://h", None),
        ({"HTTP_PROXY": "  "}, "http://h", None),
        ({"ALL_PROXY": "http://p"}, "postgresql://h/db", None),
        ({"ALL_PROXY": "http://p"}, "http://[broken", None),
    ],
)
def test_the_proxy_is_that_of_the_scheme_or_of_all(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str, proxy: tuple[str, str] | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxy_of(url) == (None if proxy is None else NamedProxy(*proxy))


@pytest.mark.parametrize(
    ("exceptions", "excepted", "proxied"),
    [
        ("*", "http://h", None),
        ("intern.example", "http://a.intern.example", "http://xintern.example"),
        (".intern.example", "http://intern.example", "http://example"),
        ("*.intern.example", "http://a.intern.example", "http://intern.test"),
        ("a.test, MLflow.example:5000", REMOTE, "http://mlflow.example:5001"),
        ("a.test mlflow.example", REMOTE, "http://b.test"),
        ("http://mlflow.example", REMOTE, "http://b.test"),
        ("10.0.0.0/8", "http://10.1.2.3:5000", "http://11.1.2.3"),
        ("192.0.2.7", "http://192.0.2.7", "http://192.0.2.70"),
        ("fe80::/10,fd00::/8", "http://[fd12::1]:5000", "http://[2001:db8::1]"),
        ("[fd00::]/8", "http://[fd12::1]", "http://[2001:db8::1]"),
        ("[2001:db8::1]", "http://[2001:db8::1]:80", "http://[2001:db8::2]"),
        ("2001:db8::1", "http://[2001:db8::1]", "http://[2001:db8::2]"),
        ("[2001:db8::1]:80", "http://[2001:db8::1]:80", "http://[2001:db8::1]:81"),
    ],
)
def test_no_proxy_excepts_names_domains_ports_and_ranges(
    monkeypatch: pytest.MonkeyPatch, exceptions: str, excepted: str, proxied: str | None
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://p:1")
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert proxy_of(excepted) is None
    http_client(excepted).close()
    if proxied is not None:
        assert proxy_of(proxied) == NamedProxy("ALL_PROXY", "http://p:1")


def test_a_request_goes_through_the_proxy_with_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr(httpx, "Client", lambda **options: made.append(options))
    monkeypatch.setenv("HTTP_PROXY", "u:a%2Fb@proxy:3128")
    http_client(REMOTE)
    assert str(made[0]["proxy"].url) == "http://proxy:3128"
    assert made[0]["proxy"].auth == ("u", "a/b")
    assert made[0]["trust_env"] is False


def test_a_process_reads_the_authorities_once_and_never_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[ssl.SSLContext] = []

    def create() -> ssl.SSLContext:
        read.append(ssl.create_default_context())
        return read[-1]

    monkeypatch.setattr(httpx, "create_ssl_context", create)
    port = free_port()
    for address, times in ((f"http://127.0.0.1:{port}", 0), (f"https://127.0.0.1:{port}", 1)):
        for _ in range(2):
            assert not ApiClient(address).is_up()
            with pytest.raises(RpsError):
                RegistryServer(address).aliased_versions()
            with pytest.raises(RpsError):
                DagsterRuns(address).query("{ version }", {})
        assert len(read) == times
    trusted_authorities.cache_clear()


def test_certificates_that_cannot_be_read_matter_only_where_they_are_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    junk = tmp_path / "hostname"
    junk.write_text("box\n")
    for path, fault in ((tmp_path / "missing.pem", "No such file or directory"), (junk, "is not a certificate")):
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        http_client(LOCAL).close()
        assert fault_of(f"http://127.0.0.1:{free_port()}") == "ConnectError"
        with pytest.raises(
            HttpSetupError, match=rf"^SSL_CERT_FILE={path} cannot be read \({fault}\); set it to a file"
        ):
            http_client("https://mlflow.example")
        assert str(fault_of(REMOTE)).startswith("SSL_CERT_FILE=")


def test_excepting_hosts_adds_no_second_name_for_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://p")
    environment = {"HTTP_PROXY": "http://p", "no_proxy": "a.test"}
    bypass_proxies(environment, "box")
    excepted = "a.test,localhost,127.0.0.1,::1,box"
    assert environment == {"HTTP_PROXY": "http://p", "no_proxy": excepted, "NO_PROXY": excepted}
    environment = {}
    bypass_proxies(environment)
    assert environment["http_proxy"] == "http://p"
