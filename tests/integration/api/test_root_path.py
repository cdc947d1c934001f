"""The game below a path of a host, behind a real nginx that removes the path from requests or keeps it."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from urllib.parse import urljoin

import httpx
import pytest

from tests.browser.server import GameServer
from tests.builders.ports import free_ports

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/opt/homebrew/bin")
CONFIGURATION = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{keeps}; location /rps {{ proxy_pass {api}; }} }}
  server {{ listen 127.0.0.1:{removes}; location /rps/ {{ proxy_pass {api}/; }} }}
}}
"""


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The addresses of the two proxies and of the game behind them."""
    if NGINX is None:
        pytest.skip("nginx is not installed")
    folder = tmp_path_factory.mktemp("proxy")
    keeps, removes = free_ports(2)
    server = GameServer(folder / "data", RPS_ROOT_PATH="/rps/").start()
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, keeps=keeps, removes=removes, api=server.url))
    proxy = subprocess.Popen([NGINX, "-p", str(folder), "-e", str(folder / "errors"), "-c", str(configuration)])
    found = {"keeps": f"http://127.0.0.1:{keeps}", "removes": f"http://127.0.0.1:{removes}", "none": server.url}
    try:
        for _ in range(100):
            if all(_listens(address) for address in found.values()):
                break
            time.sleep(0.05)
        yield found
    finally:
        proxy.terminate()
        proxy.wait(10)
        server.kill()


@pytest.mark.parametrize("proxy", ["keeps", "removes", "none"])
def test_the_whole_page_works_below_a_path(addresses: dict[str, str], proxy: str) -> None:
    with httpx.Client(base_url=addresses[proxy], timeout=10) as browser:
        seen: dict[str, str] = {}
        waiting = ["/rps/"]
        while waiting:
            path = waiting.pop()
            answer = browser.get(path)
            assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:200]}"
            seen[path] = answer.text
            if "html" in answer.headers["content-type"]:
                links = {urljoin(path, link) for link in re.findall(r'(?:href|src)="([^"#]+)"', answer.text)}
                # Dagster and MLflow have addresses of their own.
                waiting += [link for link in links if link not in seen and not link.startswith("http")]
        assert {"/rps/", "/rps/observatory", "/rps/docs", "/rps/openapi.json"} <= seen.keys()
        assert any(path.endswith(".js") for path in seen)
        assert all(path.startswith("/rps/") for path in seen)
        assert '"servers":[{"url":"/rps"}]' in seen["/rps/openapi.json"]
        assert browser.get("/rps/redoc").headers["location"] == "/rps/docs"
        base = re.findall(r'data-api-base="([^"]*)"', seen["/rps/"])[0]
        game = browser.post(f"{base}/start_game", json={}).raise_for_status().json()
        move = {"game_id": game["game_id"], "user_move": "rock"}
        assert browser.post(f"{base}/play", json=move).raise_for_status().json()["user_move"] == "rock"


def _listens(address: str) -> bool:
    try:
        return httpx.get(f"{address}/rps/healthz", timeout=1).status_code == 200
    except httpx.TransportError:
        return False
