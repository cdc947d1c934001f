"""Operators' calls that wait for Dagster: they take no thread from other requests, share one run, and end with their
caller. The API is the real server; Dagster is a stand-in whose run never ends."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from rps_api.promotion.by_hand import MAX_CALLS
from rps_core.dagster_runs import POLL_SECONDS
from tests.browser.server import GameServer
from tests.integration.conftest import wait_until

pytestmark = pytest.mark.integration
REFUSED = 6
TOKEN = {"Authorization": "Bearer secret"}


class Dagster:
    """Answers GraphQL queries and counts them by their name."""

    def __init__(self) -> None:
        self.queries: Counter[str] = Counter()
        self.tags: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                body = json.dumps({"data": outer.answer(asked["query"], asked["variables"])}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Write nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        name = query.split()[1].partition("(")[0]
        self.queries[name] += 1
        if name == "Launch":
            self.tags = variables["params"]["executionMetadata"]["tags"]
            return {"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": "run-1"}}}
        if name == "Unfinished":
            is_known = all(tag in self.tags for tag in variables["filter"]["tags"])
            runs = [{"runId": "run-1", "tags": self.tags}] if is_known and self.tags else []
            return {"runsOrError": {"__typename": "Runs", "results": runs}}
        return {"runOrError": {"__typename": "Run", "status": "QUEUED"}, "logsForRun": {"cursor": "1", "events": []}}

    def is_left_alone(self) -> bool:
        """Return whether no query comes for longer than the API waits between two."""
        before = self.queries.total()
        time.sleep(2 * POLL_SECONDS)
        return self.queries.total() == before


@pytest.fixture
def dagster() -> Iterator[Dagster]:
    found = Dagster()
    threading.Thread(target=found.server.serve_forever, daemon=True).start()
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_waiting_calls_delay_nothing_share_one_run_and_end_with_their_callers(dagster: Dagster, tmp_path: Path) -> None:
    server = GameServer(tmp_path, RPS_DAGSTER_URL=dagster.url, RPS_API_TOKEN="secret").start()
    try:
        asyncio.run(call(server.url, dagster))
        wait_until(dagster.is_left_alone, "the end of the polls after the callers had left")
        # A script that repeats its call joins the run that is under way.
        reply = httpx.post(f"{server.url}/models/xgboost/demote?wait_seconds=0", headers=TOKEN, timeout=30)
        assert (reply.status_code, reply.json()["run_id"]) == (202, "run-1")
        assert dagster.queries["Launch"] == 1
    finally:
        server.kill()


async def call(url: str, dagster: Dagster) -> None:
    """Let many calls wait, ask for everything else meanwhile, and leave."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, headers=TOKEN, timeout=300, limits=limits) as caller:
        demoting = (
            caller.post("/models/xgboost/demote", params={"wait_seconds": 300}) for _ in range(MAX_CALLS + REFUSED)
        )
        calls = [asyncio.create_task(one) for one in demoting]
        try:
            while not dagster.queries["Run"] or sum(one.done() for one in calls) < REFUSED:
                await asyncio.sleep(0.05)
            answers = [(one.result().status_code, "Retry-After" in one.result().headers) for one in calls if one.done()]
            assert answers == REFUSED * [(429, True)]
            async with httpx.AsyncClient(base_url=url, headers=TOKEN, timeout=30) as other:
                document = (await other.get("/openapi.json")).json()
                paths = [path for path, methods in document["paths"].items() if "get" in methods and "{" not in path]
                statuses = {path: (await other.get(path)).status_code for path in (*paths, "/metrics", "/", "/docs")}
            assert {"/readyz", "/health/detailed", "/metrics", "/leaderboard"} <= statuses.keys()
            assert not {path: status for path, status in statuses.items() if status not in {200, 400, 404, 422}}
            assert sum(not one.done() for one in calls) == MAX_CALLS
            assert (dagster.queries["Launch"], dagster.queries["Unfinished"]) == (1, 1)
        finally:
            for one in calls:
                one.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
