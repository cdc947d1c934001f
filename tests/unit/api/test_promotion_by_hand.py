"""Promotions through the API while the connection to Dagster is lost."""

import asyncio
from pathlib import Path

import httpx
import pytest

from rps_api.errors import NotAvailable
from rps_api.promotion.by_hand import Exchange, Exchanges
from rps_core.dagster_runs import AsyncDagsterRuns
from rps_core.settings import load_settings
from rps_core.store import PromotionLedger, open_engine, upgrade_store

NONE_KNOWN = httpx.Response(200, json={"data": {"runsOrError": {"__typename": "Runs", "results": []}}})
LAUNCHED = {"data": {"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": "run-1"}}}}


def promoted(folder: Path, *answers: httpx.Response) -> Exchange:
    engine = open_engine(f"sqlite:///{folder}/rps.db")
    upgrade_store(engine)
    left = list(answers)
    runs = AsyncDagsterRuns("http://dagster", httpx.MockTransport(lambda _: left.pop(0)))
    services = load_settings(dagster_url_override="http://dagster").services
    exchanges = Exchanges(services, PromotionLedger(engine), runs)
    return asyncio.run(exchanges.exchange("xgboost", ("B", "Production"), None, patience_seconds=10))


def test_a_run_that_was_started_is_not_reported_as_failed_when_dagster_is_lost(tmp_path: Path) -> None:
    found = promoted(tmp_path, NONE_KNOWN, httpx.Response(200, json=LAUNCHED), httpx.Response(502))
    assert found == Exchange("xgboost", "run-1", is_done=False, slots={})


def test_a_run_that_dagster_refused_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(NotAvailable, match="Dagster at http://dagster gave no valid answer"):
        promoted(tmp_path, NONE_KNOWN, httpx.Response(502))


def test_without_an_answer_about_runs_under_way_none_is_started(tmp_path: Path) -> None:
    refused = httpx.Response(200, json={"data": {"runsOrError": {"__typename": "PythonError", "message": "locked"}}})
    with pytest.raises(NotAvailable, match="lists no runs: locked"):
        promoted(tmp_path, refused)
