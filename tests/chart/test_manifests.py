"""Every manifest of every profile: valid, safe, connected."""

import re
import shlex

import kubernetes_validate
import pytest
from typer.main import get_command

from rps_cli.app import app
from rps_core.settings import setting_fields, variable
from tests.chart.release import PROFILES, WORKLOADS, Container, Helm, Manifest, Release

KUBERNETES = "1.34"
CUSTOM = "monitoring.coreos.com/v1"
OUR_IMAGES = ("rps-api", "rps-assets")
OURS = {variable(field) for _, _, field in setting_fields()}
# Of libraries, servers and the system; everything else has to be a setting of ours.
FOREIGN = re.compile(
    r"HOME|PYTHONUNBUFFERED|DO_NOT_TRACK|ORT_DISABLE_TELEMETRY|PGPASSWORD|AWS_[A-Z_]+|GIT_PYTHON_REFRESH|JAX_COMPILATION_CACHE_DIR"
    r"|OMP_NUM_THREADS|OPENBLAS_NUM_THREADS|DAGSTER_[A-Z_]+"
    r"|MLFLOW_(BACKEND_STORE_URI|ARTIFACTS_DESTINATION|SERVER_[A-Z_]+|DISABLE_TELEMETRY|TRACKING_(USERNAME|PASSWORD))"
)


def test_the_chart_passes_the_linter_with_every_values_file(helm: Helm, profile: str) -> None:
    assert "0 chart(s) failed" in helm.lint(profile)


def test_there_are_values_for_one_node_for_external_stores_and_for_many_replicas() -> None:
    assert PROFILES == ("", "embedded-values.yaml", "external-values.yaml", "many-values.yaml")


def test_every_manifest_is_valid_for_kubernetes(release: Release) -> None:
    known = [manifest for manifest in release.manifests if manifest["apiVersion"] != CUSTOM]
    for manifest in known:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    assert len(known) > 15


def test_no_object_is_made_twice(release: Release) -> None:
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in release.manifests]
    assert len(names) == len(set(names))


def test_names_of_objects_fit_also_with_a_long_name_of_the_release(helm: Helm) -> None:
    text = helm.render_text("many-values.yaml", {"fullnameOverride": "a" * 40})
    assert max(len(name) for name in re.findall(r"^  name: (\S+)$", text, re.MULTILINE)) <= 63


@pytest.mark.parametrize("kind", WORKLOADS)
def test_no_container_can_become_root_or_write_its_image(release: Release, kind: str) -> None:
    for container in _containers(release, kind):
        assert container.spec["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, container
        pod = container.pod["securityContext"]
        assert pod["runAsNonRoot"] is True, container
        assert pod["runAsUser"] > 0, container
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}, container


def test_our_images_run_as_their_own_user(release: Release) -> None:
    for container in release.containers():
        if any(image in container.spec["image"] for image in OUR_IMAGES):
            assert container.pod["securityContext"]["runAsUser"] == 10_001, container


def test_every_container_asks_for_memory_and_has_a_limit(release: Release) -> None:
    for container in release.containers():
        resources = container.spec["resources"]
        assert {"cpu", "memory"} <= resources["requests"].keys(), container
        assert "memory" in resources["limits"], container


def test_every_container_can_write_its_temporary_folder(release: Release) -> None:
    for container in release.containers():
        mounted = {mount["mountPath"]: mount["name"] for mount in container.spec["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in container.pod.get("volumes", ())}
        assert "emptyDir" in volumes[mounted["/tmp"]], container  # noqa: S108  # the folder of the container


def test_every_mount_has_a_volume(release: Release) -> None:
    templates = {
        f"StatefulSet/{one['metadata']['name']}": {
            claim["metadata"]["name"] for claim in one["spec"]["volumeClaimTemplates"]
        }
        for one in release.of_kind("StatefulSet")
    }
    for container in release.containers():
        volumes = {volume["name"] for volume in container.pod.get("volumes", ())} | templates.get(
            container.workload, set()
        )
        assert {mount["name"] for mount in container.spec["volumeMounts"]} <= volumes, container


def test_every_claim_of_a_pod_is_made_by_the_chart(release: Release) -> None:
    for name, _, pod in release.pods():
        for volume in pod.get("volumes", ()):
            if "persistentVolumeClaim" in volume:
                assert release.has("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]), name
            if "configMap" in volume:
                assert release.has("ConfigMap", volume["configMap"]["name"]), name


def test_only_those_who_launch_runs_get_a_token_of_the_cluster(release: Release) -> None:
    holders = {name for name, _, pod in release.pods() if pod["automountServiceAccountToken"]}
    launching = release.instance.get("run_launcher", {}).get("class") == "K8sRunLauncher"
    assert holders == ({"Deployment/rps-webserver", "Deployment/rps-daemon"} if launching else set())
    for name, _, pod in release.pods():
        assert release.has("ServiceAccount", pod["serviceAccountName"]), name
        assert (pod["serviceAccountName"] == "rps-launcher") == (name in holders)


def test_long_running_containers_are_probed(release: Release) -> None:
    for container in _containers(release, "Deployment", "StatefulSet", init=False):
        assert {"startupProbe", "livenessProbe"} <= container.spec.keys(), container
        # Nobody connects to the daemon.
        assert ("readinessProbe" in container.spec) == (container.name != "daemon"), container
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            # A busy node answers late; the default is one second.
            assert container.spec.get(probe, {"timeoutSeconds": 5})["timeoutSeconds"] >= 5, container
            _assert_port_exists(container, container.spec.get(probe, {}))


def test_the_api_is_asked_whether_it_lives_and_whether_it_can_play(release: Release) -> None:
    api = next(container for container in release.containers() if str(container) == "Deployment/rps-api/api")
    assert api.spec["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert api.spec["readinessProbe"]["httpGet"]["path"] == "/readyz"
    # Migrations and the first models may take two minutes.
    startup = api.spec["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 120


def test_selectors_find_the_pods_they_are_meant_for(release: Release) -> None:
    for workload in release.of_kind("Deployment", "StatefulSet"):
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert workload["spec"]["selector"]["matchLabels"].items() <= labels.items(), workload["metadata"]["name"]


def test_every_service_leads_to_one_workload_and_a_port_of_it(release: Release) -> None:
    for service in release.of_kind("Service"):
        found = [
            (name, pod)
            for name, metadata, pod in release.pods()
            if service["spec"]["selector"].items() <= metadata["labels"].items()
        ]
        assert len(found) == 1, service["metadata"]["name"]
        ports = {port["name"] for container in found[0][1]["containers"] for port in container.get("ports", ())}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports, service["metadata"]["name"]


def test_the_addresses_in_the_environment_are_services_of_the_release(release: Release) -> None:
    hosts = {
        f"{service['metadata']['name']}.default.svc:{port['port']}"
        for service in release.of_kind("Service")
        for port in service["spec"]["ports"]
    }
    for config in release.of_kind("ConfigMap"):
        for address in re.findall(r"[a-z0-9-]+\.default\.svc:\d+", str(config["data"])):
            assert address in hosts, f"{config['metadata']['name']}: {address}"


def test_every_variable_of_ours_is_a_setting(release: Release) -> None:
    for container in release.containers():
        if not any(image in container.spec["image"] for image in OUR_IMAGES):
            continue
        unknown = {name for name in release.environment(container) if name not in OURS and not FOREIGN.fullmatch(name)}
        assert not unknown, container


def test_every_command_of_ours_exists(release: Release) -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    seen = set()
    for container in release.containers():
        argv = container.spec.get("command", ())
        if argv[:1] != ["rps"]:
            continue
        name, *arguments = argv[1:]
        # Click refuses options that it does not know, and values of another kind.
        commands[name].make_context(name, [str(argument) for argument in arguments])
        seen.add(shlex.join(argv[:2]))
    assert {"rps api", "rps simulate"} <= seen


def test_pods_start_again_when_their_configuration_changes(helm: Helm) -> None:
    def checksums(settings: dict[str, str]) -> dict[str, str]:
        release = helm.render("", {"settings": settings})
        return {
            name: metadata["annotations"]["checksum/environment"]
            for name, metadata, pod in release.pods()
            if any("envFrom" in container for container in pod["containers"])
        }

    before, after = checksums({}), checksums({"PROMOTION_POLICY": "lead"})
    assert {"Deployment/rps-api", "Deployment/rps-code"} <= before.keys()
    assert all(before[name] != after[name] for name in before)


def _containers(release: Release, *kinds: str, init: bool = True) -> list[Container]:
    found = [
        container for container in release.containers() if container.workload.startswith(tuple(f"{k}/" for k in kinds))
    ]
    return found if init else [one for one in found if one.spec in one.pod["containers"]]


def _assert_port_exists(container: Container, probe: Manifest) -> None:
    ports = container.spec.get("ports", [])
    known = {port["name"] for port in ports} | {port["containerPort"] for port in ports}
    for way in ("httpGet", "grpc"):
        if way in probe:
            assert probe[way]["port"] in known, container
