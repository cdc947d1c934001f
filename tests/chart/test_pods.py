"""What all pods share: additions of the values, the user, and templates that any tool can apply again."""

from typing import Any

import dagster as dg
import kubernetes_validate
import pytest
from dagster._core.launcher import LaunchRunContext

from tests.chart.cluster import running_cluster
from tests.chart.release import PROFILES, Helm, Manifest
from tests.chart.test_launcher import open_instance, training_job
from tests.chart.test_manifests import CUSTOM, KUBERNETES
from tests.chart.test_values import DOCUMENTED

SPREAD = {"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
HOST = {"ip": "10.0.0.5", "hostnames": ["s3.example.com"]}
SHARED: dict[str, Any] = {
    "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "extraVolumes": [{"name": "extra", "configMap": {"name": "extra"}}],
    "extraVolumeMounts": [{"name": "extra", "mountPath": "/etc/extra"}],
    "podLabels": {"team": "games"},
    "podAnnotations": {"sidecar.istio.io/inject": "false"},
    "topologySpreadConstraints": [SPREAD],
    "hostAliases": [HOST],
    "certificates.secret": "authority",
}
CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "PGSSLROOTCERT")


def test_every_pod_gets_what_the_values_add(helm: Helm, profile: str) -> None:
    for name, metadata, pod in helm.render(profile, SHARED).pods():
        _assert_has_additions(name, metadata, pod)


def test_the_pod_of_a_run_gets_it_from_dagster(helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> None:
    own = {"workloads": {"run": {"extraEnv": [{"name": "ONLY", "value": "runs"}], "podLabels": {"kind": "run"}}}}
    release = helm.render("", {**SHARED, **own})
    with running_cluster() as cluster, open_instance(release, cluster, tmp_path_factory.mktemp("run")) as instance:
        origin = dg.reconstructable(training_job).get_python_origin()
        run = instance.create_run_for_job(training_job(), job_code_origin=origin)
        instance.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
        job = cluster.created[-1]
    kubernetes_validate.validate(job, KUBERNETES, strict=True)
    template = job["spec"]["template"]
    _assert_has_additions("run", template["metadata"], template["spec"])
    assert {"name": "ONLY", "value": "runs"} in template["spec"]["containers"][0]["env"]
    assert template["metadata"]["labels"]["kind"] == "run"
    assert "runs" not in str(release.get("Deployment", "rps-code")["spec"]["template"]["spec"]["containers"][0]["env"])


def test_a_workload_extends_what_holds_for_all(helm: Helm) -> None:
    own = {"extraEnv": [{"name": "OWN", "value": "1"}], "nodeSelector": {"disk": "ssd"}, "priorityClassName": "high"}
    values = {**SHARED, "nodeSelector": {"zone": "a"}, "priorityClassName": "low", "workloads": {"mlflow": own}}
    release = helm.render("", values)
    pod = release.get("Deployment", "rps-mlflow")["spec"]["template"]["spec"]
    assert {"OWN", "HTTPS_PROXY"} <= {variable["name"] for variable in pod["containers"][0]["env"]}
    assert (pod["nodeSelector"], pod["priorityClassName"]) == ({"zone": "a", "disk": "ssd"}, "high")
    other = release.get("Deployment", "rps-api")["spec"]["template"]["spec"]
    assert (other["nodeSelector"], other["priorityClassName"]) == ({"zone": "a"}, "low")


def test_without_a_user_id_the_cluster_chooses_one(helm: Helm, profile: str) -> None:
    """OpenShift refuses every id that it has not assigned, and root is refused everywhere."""
    release = helm.render(profile, dict.fromkeys(_with_ending(".uid")))
    securities = [pod["securityContext"] for _, _, pod in release.pods()]
    if "run_launcher" in release.instance:
        launched = release.instance["run_launcher"]["config"]["run_k8s_config"]["pod_spec_config"]
        securities.append(launched["securityContext"])
    for security in securities:
        assert security == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def test_everything_can_be_applied_again_with_another_version(helm: Helm, profile: str) -> None:
    """By kubectl and Argo CD: Jobs cannot change, and no object may wait for one that is made after it."""
    given = {"secrets.existingSecret": "given"}
    before, after = (helm.render(profile, {**given, "image.tag": tag}) for tag in ("1.0", "2.0"))
    for job in before.of_kind("Job"):
        name = job["metadata"]["name"]
        assert "ttlSecondsAfterFinished" not in job["spec"], f"{name} would come back"
        assert not after.has("Job", name) or after.get("Job", name)["spec"] == job["spec"], name
    hooks = {
        f"{one['kind']}/{one['metadata']['name']}"
        for one in before.manifests
        if "helm.sh/hook" in one["metadata"].get("annotations", {})
    }
    assert hooks == {"Pod/rps-test-play"}
    for workload in before.of_kind("Deployment", "StatefulSet"):
        selector = after.get(workload["kind"], workload["metadata"]["name"])["spec"]["selector"]
        assert selector == workload["spec"]["selector"], workload["metadata"]["name"]


def test_a_bootstrap_that_comes_back_plays_no_game_again(helm: Helm) -> None:
    (job,) = [one for one in helm.render().of_kind("Job") if "-bootstrap-" in one["metadata"]["name"]]
    assert "--missing" in job["spec"]["template"]["spec"]["containers"][0]["command"]


@pytest.mark.parametrize("text", ["1234", "0x1f", "null"])
@pytest.mark.parametrize("given", PROFILES)
def test_a_text_that_yaml_reads_as_something_else_stays_a_text(helm: Helm, given: str, text: str) -> None:
    values = dict.fromkeys(_free_texts(), text) | {"api.ingress.host": "play.example.com", "certificates.secret": text}
    release = helm.render(given, values)
    for manifest in release.manifests:
        if manifest["apiVersion"] != CUSTOM:
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    for config in release.of_kind("ConfigMap"):
        assert all(isinstance(value, str) for value in config["data"].values())


def _free_texts() -> list[str]:
    """Return the values that accept any text."""
    names = (
        "bucket",
        "region",
        "className",
        "tlsSecret",
        "priorityClassName",
        "existingSecret",
        "existingClaim",
        "tag",
    )
    return [value.path for value in DOCUMENTED if value.path.rpartition(".")[2] in names]


def _with_ending(ending: str) -> list[str]:
    return [value.path for value in DOCUMENTED if value.path.endswith(ending)]


def _assert_has_additions(name: str, metadata: Manifest, pod: Manifest) -> None:
    assert metadata["labels"]["team"] == "games", name
    assert metadata["annotations"]["sidecar.istio.io/inject"] == "false", name
    assert pod["topologySpreadConstraints"] == [SPREAD], name
    assert pod["hostAliases"] == [HOST], name
    volumes = [volume["name"] for volume in pod["volumes"]]
    assert {"extra", "certificates"} <= set(volumes), name
    assert len(volumes) == len(set(volumes)), name
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        environment = {variable["name"]: variable.get("value") for variable in container["env"]}
        assert environment["HTTPS_PROXY"] == "http://proxy:3128", name
        assert {environment[variable] for variable in CERTIFICATES} == {"/etc/rps-certificates/ca.crt"}, name
        mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
        assert {"/etc/extra", "/etc/rps-certificates"} <= mounts, name
