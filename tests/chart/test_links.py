"""Links lead where browsers reach Dagster and MLflow, calls where services do."""

import pytest

from rps_api.ui.page import Pages
from rps_assets.metadata import links
from rps_core.settings import load_settings

INSIDE = {"dagster_url_override": "http://rps-dagster:3000", "mlflow_tracking_uri_override": "http://rps-mlflow:5000"}


def test_links_lead_to_the_public_addresses_and_calls_do_not() -> None:
    settings = load_settings(
        **INSIDE, dagster_public_url="https://dagster.example/", mlflow_public_url="https://ml.example/"
    )
    pages = Pages.of(settings.page, settings.services, "1")
    assert (pages.dagster_url, pages.mlflow_url) == ("https://dagster.example", "https://ml.example")
    assert links.mlflow_run(settings.services, "1", "abc").value == (
        "https://ml.example/#/experiments/1/runs/abc?workflowType=machine_learning"
    )
    assert settings.services.dagster_base_url == "http://rps-dagster:3000"
    assert settings.services.mlflow_tracking_uri == "http://rps-mlflow:5000"


def test_without_public_addresses_both_are_the_same() -> None:
    settings = load_settings(**INSIDE)
    assert settings.services.dagster_link_url == settings.services.dagster_base_url
    assert settings.services.mlflow_link_url == settings.services.mlflow_tracking_uri


@pytest.mark.parametrize("uri", ["sqlite:////data/mlflow.db", "/data/mlruns"])
def test_an_mlflow_without_a_server_is_no_link(uri: str) -> None:
    settings = load_settings(mlflow_tracking_uri_override=uri)
    assert Pages.of(settings.page, settings.services, "1").mlflow_url is None
    assert links.mlflow_version(settings.services, "rps_bot_xgboost", "7").value == "rps_bot_xgboost v7"
