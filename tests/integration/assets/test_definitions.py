"""The code location as a whole: it loads fast and without side effects, and its graph equals the golden file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from rps_assets.assets import keys
from rps_assets.automation.manual_jobs import MANUAL_JOBS
from rps_assets.definitions import build_defs
from tests.integration.assets.graph_snapshot import GOLDEN, snapshot

HEAVY = ("jax", "xgboost", "mlflow", "polars", "sklearn", "matplotlib", "onnx", "onnxruntime", "pyarrow", "s3fs")
CHECKOUT = Path(__file__).parents[3]
LOAD = """
import sys
from rps_assets.definitions import build_defs
from rps_assets.automation.manual_jobs import MANUAL_JOBS
build_defs().get_repository_def().load_all_definitions()
print(",".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return build_defs()


def test_a_fresh_interpreter_loads_the_location_without_any_heavy_library() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:rps_assets", "-c", LOAD],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.strip().split(","))
    assert "rps_assets" in loaded
    assert loaded.isdisjoint(HEAVY), loaded.intersection(HEAVY)
    assert "rps_api" not in loaded


def test_the_definitions_are_valid(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)


def test_the_object_that_dagsters_tools_load_is_found_in_the_module() -> None:
    from dagster._core.workspace.autodiscovery import loadable_targets_from_python_module

    (target,) = loadable_targets_from_python_module("rps_assets.definitions", None)
    assert target.attribute == "defs"


def test_the_graph_equals_the_golden_file(defs: dg.Definitions) -> None:
    found = json.loads(json.dumps(snapshot(defs)))
    assert found == json.loads(GOLDEN.read_text()), "python -m tests.integration.assets.graph_snapshot rewrites it"


def test_dagsters_dg_commands_work_in_the_checkout(tmp_path: Path) -> None:
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path), "DATA_PATH": str(tmp_path / "data")}

    def dg_command(*arguments: str) -> str:
        command = [str(Path(sys.executable).with_name("dg")), *arguments]
        done = subprocess.run(
            command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    listed = json.loads(dg_command("list", "defs", "--json"))
    assert {asset["asset_key"] for asset in listed["assets"]} == json.loads(GOLDEN.read_text())["assets"].keys()
    dg_command("check", "defs")
    dg_command("launch", "--assets", "promotion/performance")
    assert (tmp_path / "data" / "promotion" / "performance.json").is_file()


def test_every_asset_explains_itself(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.group_name == key.path[0], key
        assert node.owners == keys.OWNERS, key
        assert node.kinds, key
    assert all(
        job.description
        for name in defs.get_repository_def().job_names
        if not name.startswith("__")
        for job in [defs.resolve_job_def(name)]
    )
    assert all(sensor.description for sensor in defs.get_repository_def().sensor_defs)


def test_every_check_has_a_unique_name_and_a_description(defs: dg.Definitions) -> None:
    specs = [
        spec
        for check in defs.asset_checks or ()
        if isinstance(check, dg.AssetChecksDefinition)
        for spec in check.check_specs
    ]
    assert len(specs) == len({spec.name for spec in specs}) == 25
    assert all(spec.description for spec in specs)


def test_everything_that_writes_aliases_or_the_cache_shares_one_pool(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    for key in [*keys.MODELS.values(), *keys.PROMOTIONS.values(), keys.MODEL_CACHE]:
        assert graph.get(key).pools == {keys.TRAINING_POOL}
    for job in MANUAL_JOBS:
        assert {node.definition.pool for node in job.nodes} == {keys.TRAINING_POOL}


def test_promotions_by_hand_start_as_dry_runs_without_a_reason(defs: dg.Definitions) -> None:
    for job in MANUAL_JOBS:
        (op,) = job.run_config["ops"].values()
        assert op["config"]["dry_run"] is True
        assert op["config"]["reason"] == ""
