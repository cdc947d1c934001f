"""Promotions through the API while the connection to Dagster is lost."""

from pathlib import Path

import httpx
import pytest

from rps_api.errors import NotAvailable
from rps_api.promotion import by_hand
from rps_api.promotion.by_hand import Exchange, exchange_aliases
from rps_core.dagster_runs import DagsterRuns
from rps_core.settings import load_settings
from rps_core.store import PromotionLedger, open_engine, upgrade_store

LAUNCHED = {"data": {"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": "run-1"}}}}


@pytest.fixture
def ledger(tmp_path: Path) -> PromotionLedger:
    engine = open_engine(f"sqlite:///{tmp_path}/rps.db")
    upgrade_store(engine)
    return PromotionLedger(engine)


def promoted(monkeypatch: pytest.MonkeyPatch, ledger: PromotionLedger, *answers: httpx.Response) -> Exchange:
    left = list(answers)
    transport = httpx.MockTransport(lambda _: left.pop(0))
    monkeypatch.setattr(by_hand, "DagsterRuns", lambda base_url: DagsterRuns(base_url, transport))
    services = load_settings(dagster_url_override="http://dagster").services
    return exchange_aliases(services, ledger, "xgboost", ("B", "Production"), None, patience_seconds=0)


def test_a_run_that_was_started_is_not_reported_as_failed_when_dagster_is_lost(
    monkeypatch: pytest.MonkeyPatch, ledger: PromotionLedger
) -> None:
    found = promoted(monkeypatch, ledger, httpx.Response(200, json=LAUNCHED), httpx.Response(502))
    assert found == Exchange("xgboost", "run-1", is_done=False, slots={})


def test_a_run_that_dagster_refused_is_a_failure(monkeypatch: pytest.MonkeyPatch, ledger: PromotionLedger) -> None:
    with pytest.raises(NotAvailable, match="Dagster at http://dagster gave no valid answer"):
        promoted(monkeypatch, ledger, httpx.Response(502))
