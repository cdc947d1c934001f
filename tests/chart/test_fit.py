"""What a cluster brings of its own: accounts and roles, Secrets of operators, digests, probes; a training by hand."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from rps_core.settings import load_settings
from tests.chart.release import Helm
from tests.chart.test_values import EXTERNAL

ROLES: dict[str, Any] = {**EXTERNAL, "objectStore.keys": False, "objectStore.createBucket": False}


def test_existing_accounts_are_used_and_nothing_is_created(helm: Helm) -> None:
    own = {"serviceAccount.create": False, "serviceAccount.name": "games", "serviceAccount.launcherName": "starter"}
    release = helm.render("", {**own, "rbac.create": False})
    assert release.of_kind("ServiceAccount", "Role", "RoleBinding") == []
    accounts = {name: pod["serviceAccountName"] for name, _, pod in release.pods()}
    assert {name for name, account in accounts.items() if account == "starter"} == {
        "Deployment/rps-webserver",
        "Deployment/rps-daemon",
    }
    assert set(accounts.values()) == {"games", "starter"}
    assert release.instance["run_launcher"]["config"]["service_account_name"] == "games"
    # Without names, the namespace's own account.
    unnamed = helm.render("", {"serviceAccount.create": False, "rbac.create": False})
    assert {pod["serviceAccountName"] for _, _, pod in unnamed.pods()} == {"default"}
    bound = helm.render("", own).get("RoleBinding", "rps-launcher")["subjects"]
    assert [subject["name"] for subject in bound] == ["starter"]


def test_with_a_role_no_pod_has_keys_and_the_settings_lead_to_the_bucket(helm: Helm) -> None:
    release = helm.render("", {**ROLES, "objectStore.external.endpoint": "", "objectStore.bucket": "games"})
    for container in release.containers():
        assert not any(name.startswith("MINIO_") for name in release.environment(container)), container
    variables = {str(name): str(value) for name, value in release.get("ConfigMap", "rps-env")["data"].items()}
    variables |= release.get("ConfigMap", "rps-env-assets")["data"]
    assert "AWS_ENDPOINT_URL_S3" not in variables
    shown = subprocess.run(
        [sys.executable, "-c", "from rps_core.settings import load_settings as s; f = s().storage; "
         "print(f.cache_url, f.data_url, 'key' in f.cache_storage_options)"],
        env={"PATH": os.environ["PATH"], **variables}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shown.stdout.split() == ["s3://games", "s3://games/data", "False"]
    named = helm.render("", ROLES).get("ConfigMap", "rps-env")["data"]
    assert named["AWS_ENDPOINT_URL_S3"] == "https://s3.example.com"


def test_keys_can_have_other_names_and_be_in_other_secrets(helm: Helm) -> None:
    keys = {"postgresql-password": "db-app/password", "api-token": "token"}
    release = helm.render("", {**EXTERNAL, "secrets.keys": keys})
    for container in release.containers():
        found = {one["name"]: one.get("valueFrom", {}).get("secretKeyRef") for one in container.spec.get("env", ())}
        if "PGPASSWORD" in found:
            assert found["PGPASSWORD"] == {"name": "db-app", "key": "password"}
        if "RPS_API_TOKEN" in found:
            assert found["RPS_API_TOKEN"] == {"name": "given", "key": "token"}
    assert release.instance["run_launcher"]["config"]["run_k8s_config"]["container_config"]["env"][0]["valueFrom"] == {
        "secretKeyRef": {"name": "db-app", "key": "password"}
    }


def test_digests_replace_the_tag_also_for_runs(helm: Helm) -> None:
    api, assets = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
    release = helm.render("", {"image.digests.api": api, "image.digests.assets": assets, "image.tag": "1.2"})
    ours = {container.spec["image"] for container in release.containers() if "rps-quest" in container.spec["image"]}
    assert ours == {f"ghcr.io/rps-quest/rps-api@{api}", f"ghcr.io/rps-quest/rps-assets@{assets}"}
    assert release.instance["run_launcher"]["config"]["job_image"] == f"ghcr.io/rps-quest/rps-assets@{assets}"


def test_probes_of_a_workload_can_be_changed_and_have_five_seconds(helm: Helm) -> None:
    changes = {
        "api": {"probes": {"liveness": {"periodSeconds": 33}}},
        "daemon": {"probes": {"startup": {"failureThreshold": 99}}},
    }
    release = helm.render("", {"workloads": changes})
    api = release.get("Deployment", "rps-api")["spec"]["template"]["spec"]["containers"][0]
    assert api["livenessProbe"] == {
        "httpGet": {"path": "/healthz", "port": "http"},
        "periodSeconds": 33,
        "timeoutSeconds": 5,
        "failureThreshold": 6,
    }
    daemon = release.get("Deployment", "rps-daemon")["spec"]["template"]["spec"]["containers"][0]
    assert (daemon["startupProbe"]["failureThreshold"], daemon["startupProbe"]["periodSeconds"]) == (99, 15)
    for container in release.containers():
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert container.spec.get(kind, {"timeoutSeconds": 5})["timeoutSeconds"] >= 5, container


def test_the_suspended_cronjob_starts_the_training_run_of_dagster(helm: Helm, tmp_path: Path) -> None:
    trainer = helm.render().get("CronJob", "rps-trainer")["spec"]
    assert trainer["suspend"] is True
    container = trainer["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    variables = {one["name"]: one.get("value", "") for one in container["env"]}
    assert load_settings(dagster_url_override=variables["RPS_DAGSTER_URL"]).services.dagster_base_url == (
        "http://rps-dagster.default.svc:3000"
    )
    variables |= {"RPS_DAGSTER_URL": "http://127.0.0.1:9", "DATA_PATH": str(tmp_path), "HOME": str(tmp_path)}
    program = [str(Path(sys.executable).with_name("rps")), *container["command"][1:]]
    done = subprocess.run(program, env=variables, capture_output=True, text=True, timeout=60, check=False)
    # It has all it needs but Dagster.
    assert (done.returncode, "Dagster at http://127.0.0.1:9 gave no valid answer" in done.stderr) == (1, True), done
