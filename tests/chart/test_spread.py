"""What the code location does where its runs are spread over machines: shared data, and steps as pods."""

import json
import sys

import pytest

from rps_assets.assets.models import build_model_assets
from rps_assets.resources import kubernetes
from rps_assets.resources.build import data_folder
from rps_core.errors import SettingsError
from rps_core.settings import load_settings


def test_data_of_runs_lies_below_the_shared_address() -> None:
    folder = data_folder(load_settings(data_url_override="memory://shared/data/").storage, "datasets")
    folder.write("newest.json", b"{}")
    elsewhere = data_folder(load_settings(data_url_override="memory://shared/data").storage, "datasets")
    assert elsewhere.read("newest.json", 10) == b"{}"
    assert str(elsewhere) == "memory:///shared/data/datasets"


def test_without_a_shared_address_it_lies_in_the_data_folder() -> None:
    settings = load_settings()
    assert (
        str(data_folder(settings.storage, "promotion")) == f"file://{settings.storage.data_path.absolute()}/promotion"
    )


def test_shared_data_in_a_bucket_is_opened_with_the_keys_of_the_models() -> None:
    settings = load_settings(
        data_url_override="s3://bucket/data",
        minio_endpoint="http://127.0.0.1:9000",
        minio_access_key="key",
        minio_secret_key="hush",
    )
    assert settings.storage.data_storage_options == settings.storage.cache_storage_options
    assert settings.storage.data_storage_options["secret"] == "hush"


def test_steps_are_pods_only_where_that_is_asked_for() -> None:
    assert kubernetes.build_executor(load_settings()).name == "in_process"
    assert kubernetes.build_executor(load_settings(step_pods=True)).name == "k8s"


def test_step_pods_without_their_library_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dagster_k8s", None)
    with pytest.raises(SettingsError, match=r"RPS_STEP_PODS needs dagster-k8s; install rps-quest\[k8s\]"):
        kubernetes.build_executor(load_settings(step_pods=True))


def test_the_assets_that_fit_models_tell_how_large_they_are() -> None:
    for asset in build_model_assets():
        assert json.loads(asset.op.tags[kubernetes.CONFIG_TAG]) == kubernetes.FIT[kubernetes.CONFIG_TAG]
