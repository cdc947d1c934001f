"""The Dockerfiles: clean, minimal, and able to build what they promise.

No container engine is needed: `make test-images` replays the build stages in a folder.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from rps_cli.up.programs import ALLOCATORS
from tests.builders.ports import free_port
from tests.ops.replay import REPOSITORY, environment, ignored, instructions, replay

DOCKER = REPOSITORY / "ops" / "docker"
DOCKERFILES = sorted(DOCKER.glob("*.Dockerfile"))
LOCKS = REPOSITORY / "requirements"
# What the API's image must not hold, and what each of them is too large or too powerful for.
NOT_IN_THE_API = {"dagster", "dagster-webserver", "mlflow", "mlflow-skinny", "xgboost", "xgboost-cpu", "jax", "jaxlib"}
NOT_IN_THE_API |= {"scikit-learn", "polars", "pyarrow", "matplotlib", "kubernetes"}
slow = pytest.mark.skipif(
    "RPS_TEST_IMAGES" not in os.environ, reason="downloads whole environments; run make test-images"
)


def locked(name: str) -> dict[str, str]:
    """Version of each package in a lock."""
    lines = (LOCKS / f"{name}.txt").read_text().splitlines()
    pins = [re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", line) for line in lines]
    return {canonicalize_name(pin[1]): pin[2] for pin in pins if pin}


def test_there_is_an_image_of_the_api_and_one_of_the_assets() -> None:
    assert [path.name for path in DOCKERFILES] == ["api.Dockerfile", "assets.Dockerfile"]


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_hadolint_has_nothing_to_say(path: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_an_image_frees_memory_as_rps_up_does(path: Path) -> None:
    assert {f"    {name}={value} \\" for name, value in ALLOCATORS.items()} <= set(path.read_text().splitlines())


def test_hadolint_would_say_something(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python\nRUN pip install dagster\n")
    done = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), bad], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "DL3006" in done.stdout


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_an_image_runs_as_nobody_special_and_says_how_it_is_checked(path: Path) -> None:
    steps = instructions(path)
    last = [step for step in steps if step.stage == max(step.stage for step in steps)]
    final = {step.name: step.text for step in last}
    assert final["USER"] == "10001:10001"
    assert final["HEALTHCHECK"].startswith("--interval=")
    assert final["CMD"].startswith("[")
    assert [step.name for step in last].index("USER") > max(n for n, step in enumerate(last) if step.name == "RUN")
    assert {step.text.split()[0] for step in steps if step.name == "FROM"} == {"python:3.11-slim"}


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_an_image_holds_no_pip_and_nothing_that_all_may_write(path: Path) -> None:
    steps = instructions(path)
    build, final = ([step.text for step in steps if step.name == "RUN" and step.stage == stage] for stage in (1, 2))
    assert "-m pip uninstall --yes --quiet --root-user-action=ignore pip" in final[0]
    # uv's lock has mode 666.
    assert build[-1].endswith("rm -f /opt/rps/.lock")


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_what_no_program_reads_is_removed_and_nothing_else(path: Path, tmp_path: Path) -> None:
    kept = {
        "werkzeug/test.py",
        "jinja2/tests.py",
        "dagster/_utils/test/a.py",
        "botocore/data/s3/a.json",
        "botocore/data/partitions.json",
    }
    removed = {
        *("pandas/tests/io/test_csv.py", "onnx/backend/test/data.pb", "faker/a.py", "mlflow/static/a.js.map"),
        *("botocore/data/ec2/a.json", "onnxruntime/tools/a.py", "kubernetes/aio/a.py"),
    }
    for file in kept | removed:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    library = tmp_path / "lib" / "library.so"
    if shutil.which("strip"):
        library.parent.mkdir()
        library.write_bytes(Path(msgspec._core.__file__).read_bytes() + bytes(2_000_000))

    subprocess.run(["/bin/sh", DOCKER / "slim.sh", tmp_path], check=True)

    left = {found.relative_to(tmp_path).as_posix() for found in tmp_path.rglob("*") if found.is_file()}
    assert left - {"lib/library.so"} == kept
    assert not library.exists() or library.stat().st_size < 2_000_000
    assert "sh slim.sh" in next(step.text for step in instructions(path)[::-1] if "hatchling" in step.text)
    assert "faker" not in locked("assets")


# As `dagster api grpc` and a page of Dagster's UI load the code location.
LOAD_ASSETS = """
from dagster._core.workspace.autodiscovery import loadable_targets_from_python_module
(target,) = loadable_targets_from_python_module("rps_assets.definitions", None)
import dagster_graphql.schema, dagster_k8s, dagster_webserver.app, mlflow.onnx, rps_assets.training.fit
print("loaded")
"""
LOAD_API = """
from rps_api.app import create_app
print("loaded" if "/play" in create_app().openapi_schema.to_schema()["paths"] else "")
"""
WITHOUT = r"""
import re, sys
from pathlib import Path
REMOVED = r"^(onnx\.backend\.test|faker|kubernetes\.aio|onnxruntime\.(transformers|tools|quantization|datasets))(\.|$)"
class Removed:
    def find_spec(name, path=None, target=None):
        last = name.rpartition(".")[2]
        of_tests = last == "tests" and any(Path(folder, last).is_dir() for folder in path or ())
        if of_tests or re.search(REMOVED, name):
            raise ModuleNotFoundError(f"No module named {name!r}: slim.sh removed it")
sys.meta_path.insert(0, Removed)
"""


@pytest.mark.parametrize("program", [LOAD_API, LOAD_ASSETS], ids=["api", "assets"])
def test_the_programs_load_without_what_is_removed(program: str, tmp_path: Path) -> None:
    variables = {"PATH": os.environ["PATH"], "DATA_PATH": str(tmp_path), "DAGSTER_HOME": str(tmp_path)}
    command = [sys.executable, "-W", "ignore", "-c", WITHOUT + program]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "loaded\n"), done.stderr


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_every_installation_checks_hashes_or_installs_our_wheel_alone(path: Path) -> None:
    installs = [
        part
        for step in instructions(path)
        if step.name == "RUN"
        for part in step.text.split("&&")
        if "install " in part
    ]
    pips = [part for part in installs if "pip install" in part]
    assert len(pips) == 4
    assert all("--require-hashes" in part or ("--no-deps" in part and "/opt/wheel/" in part) for part in pips)


@pytest.mark.parametrize("name", ["build", "api", "assets"])
def test_a_lock_pins_every_package_with_hashes_and_as_the_tests_have_it(name: str) -> None:
    text = (LOCKS / f"{name}.txt").read_text()
    blocks = re.findall(r"^\S.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    packages = [block for block in blocks if not block.startswith("#")]
    assert packages
    assert all("--hash=sha256:" in block for block in packages)
    tested = locked("dev")
    assert {package: version for package, version in locked(name).items() if tested.get(package) != version} == {}


def test_the_api_image_holds_no_dagster_and_no_training_library() -> None:
    assert not NOT_IN_THE_API & set(locked("api"))
    assert not any(package.startswith(("dagster", "nvidia", "torch")) for package in locked("api"))
    assert NOT_IN_THE_API - {"xgboost"} <= set(locked("assets"))


@pytest.mark.parametrize(
    ("name", "extras"),
    [("api", ("api", "s3", "postgres")), ("assets", ("assets", "s3", "postgres", "k8s"))],
)
def test_a_lock_holds_what_the_project_asks_for(name: str, extras: tuple[str, ...]) -> None:
    import tomllib

    project: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    versions = locked(name)
    for requirement in map(Requirement, asked):
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement


def test_what_is_secret_or_large_does_not_reach_the_build() -> None:
    for kept_out in (".env", ".git/config", ".rps/rps.db", ".venv/bin/python", "tests/conftest.py", "rps_api/x.pyc"):
        assert ignored(kept_out), kept_out
    for built in ("pyproject.toml", "rps_api/logs/logging.json", "requirements/api.txt", "rps_core/store/schema.py"):
        assert not ignored(built), built


@slow
def test_the_api_image_builds_and_plays_a_game(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dockerfile = DOCKER / "api.Dockerfile"
    replay(dockerfile, tmp_path)
    installed = {path.name for path in (tmp_path / "opt/rps/lib").glob("python3*/site-packages/*")}
    assert "rps_api" in installed
    assert not {"dagster", "xgboost", "jax", "mlflow", "pip", "hatchling", "rps_assets"} & installed
    port, state = free_port(), tmp_path / "data"
    state.mkdir()
    variables = environment(dockerfile, tmp_path) | {"RPS_API_PORT": str(port), "RPS_HOST": "127.0.0.1"}
    variables["PATH"] = variables["PATH"].replace("$PATH", os.environ["PATH"])
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [tmp_path / "opt/rps/bin/rps", "api"], cwd=state, env=variables, stdout=log, stderr=log
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_healthy(url, tmp_path / "log")
        game = httpx.post(url + "/start_game", json={}).raise_for_status().json()
        played = httpx.post(url + "/play", json={"game_id": game["game_id"], "user_move": "rock"}).raise_for_status()
        assert played.json()["finished"] is False
        assert "<html" in httpx.get(url + "/").raise_for_status().text
    finally:
        server.terminate()
        assert server.wait(20) == 0
    # A read-only root: nothing was written beside the data.
    assert not list((tmp_path / "opt/rps").rglob("*.db"))


@slow
def test_the_assets_image_builds_and_loads_the_code_location(tmp_path: Path) -> None:
    dockerfile = DOCKER / "assets.Dockerfile"
    replay(dockerfile, tmp_path)
    variables = environment(dockerfile, tmp_path)
    variables["PATH"] = variables["PATH"].replace("$PATH", os.environ["PATH"])
    (tmp_path / "data" / "dagster").mkdir(parents=True)
    script = "import dagster_k8s, dagster_postgres, jax, mlflow, onnx, psycopg2, xgboost; "
    script += "from dagster import Definitions; from rps_assets.definitions import defs; "
    script += "found = defs() if callable(defs) else defs; assert isinstance(found, Definitions); "
    script += "print(len(found.resolve_all_asset_specs()))"
    done = subprocess.run(
        [tmp_path / "opt/rps/bin/python", "-c", script],
        cwd=tmp_path / "data",
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) >= 10
    for program in ("dagster", "dagster-daemon", "dagster-webserver", "mlflow", "rps"):
        assert (tmp_path / "opt/rps/bin" / program).exists(), program
    assert not list((tmp_path / "opt/rps/lib").glob("python3*/site-packages/rps_api"))


def wait_until_healthy(url: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(url + "/healthz", timeout=1).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError(f"it does not answer:\n{log.read_text()}")
