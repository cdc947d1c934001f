"""The build script: what it would do, what it refuses, and that it does nothing it was not asked for."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.ops.promql import REPOSITORY

SCRIPT = REPOSITORY / "scripts" / "build_push_deploy.sh"


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if name not in {"REGISTRY", "NAMESPACE"}}
    return subprocess.run(
        [SCRIPT, *arguments], env=variables | environ, capture_output=True, text=True, check=False, timeout=30
    )


def commands(*arguments: str, **environ: str) -> list[str]:
    done = run("--dry-run", *arguments, **environ)
    assert done.returncode == 0, done.stderr
    return [line.removeprefix("+ ") for line in done.stdout.splitlines()]


def test_by_itself_it_only_builds() -> None:
    planned = commands("--tag", "1.4.0")
    assert [line.split()[:2] for line in planned] == [["docker", "build"]] * 2
    assert planned[0].endswith("--tag ghcr.io/rps-quest/rps-api:1.4.0 .")
    assert planned[1].endswith("--tag ghcr.io/rps-quest/rps-assets:1.4.0 .")
    assert all((REPOSITORY / line.split()[3]).exists() for line in planned)


def test_push_and_deploy_are_done_in_this_order_and_the_roll_out_is_waited_for() -> None:
    planned = commands("-t", "1.4.0", "--deploy", "--push", "--registry", "reg.example/x/", "--namespace", "play")
    assert [line.split()[:2] for line in planned] == [
        ["docker", "build"],
        ["docker", "build"],
        ["docker", "push"],
        ["docker", "push"],
        ["helm", "upgrade"],
        ["kubectl", "--namespace"],
    ]
    assert "reg.example/x/rps-api:1.4.0" in planned[2]
    assert {"--wait", "--install", "image.tag=1.4.0", "image.registry=reg.example/x"} <= set(planned[4].split())
    assert "--namespace play" in planned[4]
    assert "rollout status" in planned[5]


@pytest.mark.parametrize(("arguments", "count"), [(("--no-deploy",), 4), (("--deploy", "--no-deploy"), 4)])
def test_no_deploy_is_accepted_and_wins_where_it_stands_last(arguments: tuple[str, ...], count: int) -> None:
    planned = commands("--tag", "1", "--push", *arguments)
    assert len(planned) == count
    assert not any("helm" in line for line in planned)


def test_existing_images_can_be_rolled_out_alone() -> None:
    assert [line.split()[0] for line in commands("--tag", "1", "--no-build", "--deploy")] == ["helm", "kubectl"]


def test_the_environment_names_registry_namespace_and_engine() -> None:
    environ = {"REGISTRY": "reg.example", "NAMESPACE": "other", "CONTAINER_ENGINE": "podman"}
    planned = commands("--tag", "1", "--deploy", **environ)
    assert planned[0].startswith("podman build")
    assert "reg.example/rps-api:1" in planned[0]
    assert "--namespace other" in planned[-1]


def test_values_reach_the_chart_and_must_exist(tmp_path: Path) -> None:
    file = tmp_path / "my values.yaml"
    file.write_text("{}")
    (helm, _) = commands("--tag", "1", "--no-build", "--deploy", "--values", str(file))
    assert "my\\ values.yaml" in helm
    refused = run("--dry-run", "--values", str(tmp_path / "none.yaml"))
    assert refused.returncode == 1
    assert "none.yaml" in refused.stderr


def test_without_a_tag_the_commit_is_the_tag() -> None:
    done = run("--dry-run", "--no-build", "--push")
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if commit.returncode:
        assert "--tag" in done.stderr
    else:
        assert f"rps-api:{commit.stdout.strip()}" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--frobnicate",), "unknown option --frobnicate"),
        (("somewhere",), "unknown option somewhere"),
        (("--tag",), "--tag needs a value"),
        (("--tag", "--push"), "--tag needs a value"),
        (("--registry",), "--registry needs a value"),
        (("--namespace", ""), "--namespace needs a value"),
        (("--tag", "a tag"), "is not a valid image tag"),
        (("--tag", "x;rm"), "is not a valid image tag"),
    ],
)
def test_what_it_does_not_understand_it_refuses_before_it_does_anything(arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_option(option: str) -> None:
    done = run(option)
    assert done.returncode == 0
    for named in ("--tag", "--registry", "--namespace", "--no-build", "--push", "--deploy", "--no-deploy", "--dry-run"):
        assert named in done.stdout


def test_a_missing_engine_is_said_before_anything_is_run() -> None:
    done = run("--tag", "1", CONTAINER_ENGINE="no-such-engine")
    assert done.returncode == 1
    assert "no-such-engine is missing" in done.stderr


def test_a_step_that_fails_ends_it(tmp_path: Path) -> None:
    engine = tmp_path / "engine"
    engine.write_text("#!/bin/sh\nexit 3\n")
    engine.chmod(0o755)
    done = run("--tag", "1", "--push", CONTAINER_ENGINE=str(engine))
    assert done.returncode == 3
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is missing; apt-get install shellcheck")
def test_shellcheck_has_nothing_to_say() -> None:
    done = subprocess.run(["shellcheck", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
