"""The Jobs that dagster-k8s makes of our instance: its code, our configuration, a server that takes them over HTTP."""

import os
import re
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import dagster as dg
import kubernetes_validate
import pytest
import yaml
from dagster._core.execution.api import create_execution_plan
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.context_creation_job import orchestration_context_event_generator
from dagster._core.execution.plan.step import ExecutionStep
from dagster._core.executor.step_delegating import StepDelegatingExecutor, StepHandlerContext
from dagster._core.launcher import LaunchRunContext
from dagster._grpc.types import ExecuteStepArgs
from dagster_k8s import client, executor, launcher

from rps_assets.definitions import build_defs
from rps_core.settings import load_settings
from tests.chart.cluster import Cluster, running_cluster
from tests.chart.release import Helm, Release
from tests.chart.test_manifests import KUBERNETES, OURS

PROJECT = Path(__file__).parents[2]
JOB = "train_models"
FIT, READ = "models__forrest", "training__games"


@cache
def _definitions(step_pods: bool) -> dg.Definitions:
    return build_defs(settings=load_settings(step_pods=step_pods))


def training_job() -> dg.JobDefinition:
    """The training job as the code location defines it."""
    return _definitions(step_pods=False).resolve_job_def(JOB)


def step_pods_job() -> dg.JobDefinition:
    """The training job as the code location of `dagster.runs.stepPods` defines it."""
    return _definitions(step_pods=True).resolve_job_def(JOB)


class Launched(NamedTuple):
    """What one launch sent to the cluster, with the rendering that it came from."""

    job: dict[str, Any]
    release: Release

    @property
    def pod(self) -> dict[str, Any]:
        """Specification of its pod."""
        found: dict[str, Any] = self.job["spec"]["template"]["spec"]
        return found

    @property
    def container(self) -> dict[str, Any]:
        """Its only container."""
        (found,) = self.pod["containers"]
        return cast("dict[str, Any]", found)


@pytest.fixture(scope="module")
def run_job(helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """The Job of a run under the default values."""
    release = helm.render()
    with running_cluster() as cluster, open_instance(release, cluster, tmp_path_factory.mktemp("run")) as instance:
        origin = dg.reconstructable(training_job).get_python_origin()
        run = instance.create_run_for_job(training_job(), job_code_origin=origin)
        instance.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
        yield Launched(cluster.created[-1], release)


@pytest.fixture(scope="module")
def step_jobs(helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Launched]]:
    """The Jobs of two steps, with a pod for each step: one that fits a model, and one that only reads games."""
    release = helm.render("many-values.yaml", {"dagster.runs.resources.requests.memory": "901Mi"})
    with running_cluster() as cluster, open_instance(release, cluster, tmp_path_factory.mktemp("step")) as instance:
        yield {step: Launched(_launch_step(instance, cluster, step), release) for step in (FIT, READ)}


@pytest.fixture
def step_job(step_jobs: dict[str, Launched]) -> Launched:
    """The Job of the step that fits a model."""
    return step_jobs[FIT]


@pytest.fixture(params=["run_job", "step_job"])
def launched(request: pytest.FixtureRequest) -> Launched:
    """Each of both."""
    found: Launched = request.getfixturevalue(request.param)
    return found


def test_the_job_is_valid_for_kubernetes(launched: Launched) -> None:
    kubernetes_validate.validate(launched.job, KUBERNETES, strict=True)


def test_its_pod_is_as_safe_as_those_of_the_chart(launched: Launched) -> None:
    (api,) = [one for one in launched.release.containers() if str(one) == "Deployment/rps-api/api"]
    assert launched.container["securityContext"] == api.spec["securityContext"]
    assert launched.pod["securityContext"] == api.pod["securityContext"]


def test_it_gets_the_environment_of_the_code_location(launched: Launched) -> None:
    (code,) = [one for one in launched.release.containers() if one.name == "code"]
    expected = {source["configMapRef"]["name"] for source in code.spec["envFrom"]}
    assert {source["configMapRef"]["name"] for source in launched.container["envFrom"]} == expected
    secrets = {v["name"]: v["valueFrom"] for v in code.spec["env"] if "valueFrom" in v}
    assert secrets == {v["name"]: v["valueFrom"] for v in launched.container["env"] if "valueFrom" in v}
    assert {name for name in secrets if name.startswith(("RPS_", "MINIO_"))} <= OURS


def test_it_runs_the_image_that_the_code_location_runs(launched: Launched) -> None:
    (code,) = [one for one in launched.release.containers() if one.name == "code"]
    assert launched.container["image"] == code.spec["image"]
    assert launched.container["imagePullPolicy"] == code.spec["imagePullPolicy"]


def test_it_can_write_where_the_image_expects_it(launched: Launched) -> None:
    mounts = {mount["mountPath"]: mount["name"] for mount in launched.container["volumeMounts"]}
    volumes = {volume["name"] for volume in launched.pod["volumes"]}
    assert {"/data", "/tmp"} <= mounts.keys()  # noqa: S108  # the folder of the container
    assert set(mounts.values()) <= volumes


def test_network_policies_know_it_as_a_run_of_this_release(launched: Launched) -> None:
    labels = launched.job["spec"]["template"]["metadata"]["labels"]
    (minio,) = [one for one in launched.release.of_kind("NetworkPolicy") if one["metadata"]["name"] == "rps-minio"]
    peers = minio["spec"]["ingress"][0]["from"][0]["podSelector"]
    assert peers["matchLabels"].items() <= labels.items()
    assert labels["app.kubernetes.io/component"] in peers["matchExpressions"][0]["values"]


def test_the_runbooks_lever_that_ends_all_runs_finds_it(launched: Launched) -> None:
    (selector,) = re.findall(r"delete jobs -l ([\w./-]+=\w+)`", (PROJECT / "docs" / "operations.md").read_text())
    name, _, value = selector.partition("=")
    assert launched.job["metadata"]["labels"][name] == value


def test_it_is_removed_when_it_is_done_and_not_repeated(run_job: Launched) -> None:
    assert run_job.job["spec"]["ttlSecondsAfterFinished"] == 3600
    assert run_job.job["spec"]["backoffLimit"] == 0


def test_no_secret_stands_in_its_arguments(run_job: Launched) -> None:
    data = run_job.release.get("Secret", "rps-secrets")["data"]
    found = str(run_job.job)
    assert not [key for key, value in data.items() if value in found or b64decode(value).decode() in found]


def test_a_run_without_step_pods_gets_no_token_of_the_cluster(run_job: Launched, step_job: Launched) -> None:
    assert run_job.pod["automountServiceAccountToken"] is False
    assert run_job.pod["serviceAccountName"] == "rps"
    # The run of step pods starts Jobs itself.
    assert step_job.pod["serviceAccountName"] == "rps-launcher"


def test_the_process_of_a_run_needs_no_access_to_the_cluster(run_job: Launched, tmp_path: Path) -> None:
    """Started here as its pod would start it: there is no cluster, and no home of Dagster."""
    program, *arguments = run_job.container["args"]
    outside, inside = "load_incluster_config: false", "load_incluster_config: true"
    assert outside in arguments[-1]
    # As it stands in the chart; the way to the server of this test is taken away.
    arguments[-1] = re.sub(r"kubeconfig_file: [^\\]+", "kubeconfig_file: null", arguments[-1].replace(outside, inside))
    environment = {**os.environ, "DATA_PATH": str(tmp_path), "DAGSTER_HOME": str(tmp_path / "none"), "PYTHONPATH": "."}
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    done = subprocess.run(
        command, env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False
    )
    # So far it came: the steps run, and this store has no games.
    assert "0 examples in 0 games; MIN_SUP_ROWS asks for 200" in done.stderr
    # Kubernetes shows the pod of a failed run as failed.
    assert done.returncode == 1


def test_a_run_has_the_resources_of_the_values(run_job: Launched) -> None:
    assert run_job.container["resources"] == {
        "requests": {"cpu": "500m", "memory": "800Mi"},
        "limits": {"memory": "2Gi"},
    }


def test_a_step_has_the_resources_of_its_asset(step_job: Launched) -> None:
    assert step_job.container["resources"] == {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}


def test_a_step_without_a_size_of_its_own_has_that_of_a_run(step_jobs: dict[str, Launched]) -> None:
    assert step_jobs[READ].container["resources"]["requests"]["memory"] == "901Mi"


def test_pods_go_where_the_values_say(step_job: Launched) -> None:
    assert step_job.pod["nodeSelector"] == {"kubernetes.io/arch": "amd64"}
    assert step_job.pod["tolerations"] == [{"key": "rps", "operator": "Exists", "effect": "NoSchedule"}]
    assert step_job.pod["priorityClassName"] == "high-priority"


def test_the_role_grants_every_call_of_the_library(helm: Helm) -> None:
    """Read from the installed library: launcher, executor and the client that both use."""
    rules = helm.render().get("Role", "rps-launcher")["rules"]
    granted = {(verb, resource) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}
    source = "".join(Path(str(module.__file__)).read_text() for module in (client, executor, launcher))
    calls = set(re.findall(r"(?:batch|core)_api\.(\w+?)_namespaced_(\w+)\(", source))
    assert {("delete", "pod"), ("create", "job"), ("read", "pod_log")} <= calls
    called = {("get" if verb == "read" else verb, resources(name)) for verb, name in calls}
    assert called <= granted


def resources(name: str) -> str:
    """Return the resource of a method of the client: ``pod_log`` is ``pods/log``."""
    kind, _, below = name.partition("_")
    return f"{kind}s/{below}" if below else f"{kind}s"


def test_cancelling_a_run_ends_its_job_and_its_pod(helm: Helm, tmp_path: Path) -> None:
    """A deleted Job leaves its pod running, and the next training would start beside it."""
    release = helm.render()
    with running_cluster() as cluster, open_instance(release, cluster, tmp_path) as instance:
        cluster.rules = release.get("Role", "rps-launcher")["rules"]
        run = instance.create_run_for_job(
            training_job(), job_code_origin=dg.reconstructable(training_job).get_python_origin()
        )
        instance.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
        name = cluster.created[-1]["metadata"]["name"]
        job, pods = f"/apis/batch/v1/namespaces/default/jobs/{name}", "/api/v1/namespaces/default/pods"
        cluster.objects |= {job: {"kind": "Job"}, f"{pods}/{name}-x": {"kind": "Pod"}}
        cluster.objects[pods] = {"kind": "PodList", "items": [{"metadata": {"name": f"{name}-x"}}]}
        assert instance.run_launcher.terminate(run.run_id) is True
        assert cluster.forbidden == []
        assert {job, f"{pods}/{name}-x"}.isdisjoint(cluster.objects)


def _launch_step(instance: dg.DagsterInstance, cluster: Cluster, step: str) -> dict[str, Any]:
    """Let the executor of the job launch one step, as the process of a run does, and return its Job."""
    job = step_pods_job()
    origin = dg.reconstructable(step_pods_job).get_python_origin()
    run = instance.create_run_for_job(job, job_code_origin=origin)
    plan = create_execution_plan(job)
    context = next(
        orchestration_context_event_generator(
            dg.reconstructable(step_pods_job),
            plan,
            {},
            run,
            instance,
            raise_on_error=True,
            executor_defs=None,
            output_capture=None,
        )
    )
    assert isinstance(context, PlanOrchestrationContext)
    assert isinstance(context.executor, StepDelegatingExecutor)
    steps = cast("list[ExecutionStep]", [plan.get_step_by_key(step)])
    arguments = ExecuteStepArgs(origin, run.run_id, [step])
    handler = context.executor._step_handler
    assert list(handler.launch_step(StepHandlerContext(instance, context, steps, arguments)))
    return cluster.created[-1]


def open_instance(release: Release, cluster: Cluster, folder: Path) -> dg.DagsterInstance:
    """Open the instance of a rendering; only its database and the way to the cluster are those of the test."""
    config = release.instance
    del config["storage"]
    launcher = config["run_launcher"]["config"]
    launcher["load_incluster_config"] = False
    launcher["kubeconfig_file"] = str(cluster.write_kubeconfig(folder / "kubeconfig"))
    (folder / "dagster.yaml").write_text(yaml.safe_dump(config))
    return dg.DagsterInstance.from_config(str(folder))
