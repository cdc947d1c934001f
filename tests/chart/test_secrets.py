"""Secrets are generated once, kept, and stand nowhere but in the Secret."""

import base64
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.cluster import Cluster, running_cluster
from tests.chart.release import CHART, Helm, HelmFailed, Release

SECRET = "/api/v1/namespaces/default/secrets/rps-secrets"
KEYS = {"api-token": 40, "postgresql-password": 32, "minio-access-key": 20, "minio-secret-key": 40}
# What a variable that is none of ours may be called and still hold a secret.
SECRET_NAME = re.compile(r"password|secret|token|access_key|webhook", re.IGNORECASE)


def test_every_key_is_generated_and_long_enough(helm: Helm) -> None:
    data = _secret(helm.render())["data"]
    assert {key: len(base64.b64decode(value)) for key, value in data.items()} == KEYS


def test_two_installations_have_nothing_in_common(helm: Helm) -> None:
    first, second = _secret(helm.render())["data"], _secret(helm.render("many-values.yaml"))["data"]
    assert all(first[key] != second[key] for key in KEYS)


def test_an_upgrade_keeps_every_generated_key(helm: Helm, tmp_path: Path) -> None:
    with running_cluster() as cluster:
        first = _upgrade(helm, cluster, tmp_path)
        cluster.objects[SECRET] = _as_installed(first)
        assert _upgrade(helm, cluster, tmp_path)["data"] == first["data"]


def test_an_upgrade_keeps_what_somebody_added_and_generates_what_a_new_version_needs(
    helm: Helm, tmp_path: Path
) -> None:
    with running_cluster() as cluster:
        old = {"data": {"api-token": "b2xk", "alert-webhook-url": "aHR0cHM6Ly94"}, "metadata": {"name": "rps-secrets"}}
        cluster.objects[SECRET] = _as_installed(old)
        data = _upgrade(helm, cluster, tmp_path)["data"]
    assert data["api-token"] == "b2xk"
    assert data["alert-webhook-url"] == "aHR0cHM6Ly94"
    assert len(base64.b64decode(data["postgresql-password"])) == KEYS["postgresql-password"]


def test_what_opens_the_volumes_outlives_the_release_like_the_volumes(release: Release) -> None:
    for manifest in release.of_kind("Secret", "PersistentVolumeClaim"):
        assert manifest["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_no_secret_is_made_where_one_is_named(helm: Helm) -> None:
    release = helm.render("external-values.yaml")
    assert release.of_kind("Secret") == []
    names = {
        variable["valueFrom"]["secretKeyRef"]["name"]
        for container in release.containers()
        for variable in container.spec.get("env", ())
        if "valueFrom" in variable
    }
    assert names == {"rps-credentials"}


def test_secrets_come_from_the_secret_and_from_nowhere_else(release: Release) -> None:
    for container in release.containers():
        for variable in container.spec.get("env", ()):
            if SECRET_NAME.search(variable["name"]) and not variable["name"].endswith("_FILE"):
                reference = variable["valueFrom"]["secretKeyRef"]
                assert reference["key"] in {*KEYS, "alert-webhook-url", "mlflow-username", "mlflow-password"}, container


def test_no_generated_value_stands_outside_of_the_secret(helm: Helm, profile: str) -> None:
    text = helm.render_text(profile)
    release = helm.render(profile)
    for secret in release.of_kind("Secret"):
        for value in secret["data"].values():
            assert text.count(value) == 1
            assert base64.b64decode(value).decode() not in text


def test_config_maps_name_no_password(release: Release) -> None:
    for config in release.of_kind("ConfigMap"):
        for name, value in config["data"].items():
            assert not SECRET_NAME.search(name), config["metadata"]["name"]
            # user:password@ in an address
            assert not re.search(r"://[^/\s@:]*:[^/\s@]+@", value), f"{config['metadata']['name']}: {name}"


def test_process_arguments_hold_no_secret(release: Release) -> None:
    for container in release.containers():
        argv = [*container.spec.get("command", ()), *container.spec.get("args", ())]
        # Kubernetes would put the value of a variable into the argument.
        assert not [part for part in argv if "$(" in part], container
        assert not [part for part in argv if re.search(r"\$\{?(PGPASSWORD|MINIO_SECRET_KEY|RPS_API_TOKEN)", part)]


def test_no_value_has_a_password_by_default() -> None:
    def leaves(value: Any, path: str) -> list[tuple[str, Any]]:
        if isinstance(value, dict):
            return [leaf for key, child in value.items() for leaf in leaves(child, f"{path}.{key}")]
        return [(path, value)]

    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert [path for path, value in leaves(values, "") if value and SECRET_NAME.search(path.rpartition(".")[2])] == []


@pytest.mark.parametrize("kind", ["database", "objectStore"])
def test_credentials_of_an_external_store_are_never_generated(helm: Helm, kind: str) -> None:
    values = {f"{kind}.kind": "external", "database.external.host": "db", "objectStore.external.endpoint": "https://s3"}
    with pytest.raises(HelmFailed, match=r"secrets\.existingSecret: the chart cannot generate"):
        helm.render("", values)


def _upgrade(helm: Helm, cluster: Cluster, folder: Path) -> dict[str, Any]:
    """Render as `helm upgrade` does: with what the cluster holds."""
    config = str(cluster.write_kubeconfig(folder / "kubeconfig"))
    asks = ("--is-upgrade", "--dry-run=server", "--disable-openapi-validation", "--kubeconfig", config)
    text = helm.run("template", "rps", str(CHART), "--show-only", "templates/secret.yaml", *asks)
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def _as_installed(secret: dict[str, Any]) -> dict[str, Any]:
    """Return the Secret as Helm leaves it in the cluster."""
    owner = {"meta.helm.sh/release-name": "rps", "meta.helm.sh/release-namespace": "default"}
    metadata = {
        **secret["metadata"],
        "namespace": "default",
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": owner,
    }
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": secret["data"]}


def _secret(release: Release) -> dict[str, Any]:
    return release.get("Secret", "rps-secrets")
