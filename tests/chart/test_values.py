"""The chart refuses values that cannot work, naming value and remedy; all values are documented and used."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.chart.release import CHART, PROFILES, Helm, HelmFailed
from tools.chart_docs import (
    README,
    SCHEMA,
    VALUES,
    Undocumented,
    Value,
    documented_values,
    table,
    with_settings,
    with_table,
)
from tools.chart_files import CHART_FILES, planned_files, present_files

DOCUMENTED = documented_values(VALUES.read_text())
EXTERNAL = {
    "secrets.existingSecret": "given",
    "database.kind": "external",
    "database.external.host": "postgres.example.com",
    "objectStore.kind": "external",
    "objectStore.external.endpoint": "https://s3.example.com",
    "mlflow.kind": "external",
    "mlflow.external.url": "https://mlflow.example.com",
}
EMBEDDED = {"database.kind": "sqlite", "objectStore.kind": "none", "dagster.runs.launcher": "in-pod"}
# Values that other values need to have an effect, by prefix.
NEEDS: dict[str, dict[str, Any]] = {
    "api.autoscaling.": {"api.autoscaling.enabled": True},
    "api.podDisruptionBudget.": {"api.replicas": 3},
    "api.ingress.": {"api.ingress.enabled": True, "api.ingress.host": "play.example.com"},
    "database.external.": EXTERNAL,
    "objectStore.external.": EXTERNAL,
    "objectStore.keys": {**EXTERNAL, "objectStore.createBucket": False},
    "mlflow.external.": EXTERNAL,
    "persistence.": EMBEDDED,
    "certificates.key": {"certificates.configMap": "authorities"},
    "monitoring.serviceMonitor.": {"monitoring.serviceMonitor.enabled": True},
    "monitoring.rules.": {"monitoring.rules.enabled": True},
    "monitoring.dashboards.": {"monitoring.dashboards.enabled": True},
}
# Other valid values, for values whose alternatives cannot be derived.
OTHER: dict[str, Any] = {
    "image.pullPolicy": "Always",
    "image.pullSecrets": [{"name": "other"}],
    "settings": {"PROMOTION_POLICY": "lead"},
    "api.trustedProxies": ["10.0.0.0/8"],
    "api.rootPath": "/rps",
    "api.ingress.otherHosts": ["www.example.com"],
    "api.ingress.paths": ["/other"],
    "api.ingress.pathType": "Exact",
    "api.service.type": "NodePort",
    "dagster.webserver.url": "https://dagster.example.com",
    "dagster.runs.launcher": "in-pod",
    "database.kind": "sqlite",
    "database.external.host": "other.example.com",
    "database.external.parameters": {"sslmode": "require"},
    "objectStore.kind": "none",
    "objectStore.external.endpoint": "https://other.example.com",
    "mlflow.kind": "external",
    "mlflow.publicUrl": "https://mlflow.example.com",
    "mlflow.external.url": "https://other.example.com",
    "mlflow.builtin.allowedHosts": ["mlflow.example.com"],
    "persistence.accessMode": "ReadWriteMany",
    "networkPolicy.apiFrom": [{"podSelector": {}}],
    "networkPolicy.uiFrom": [{"podSelector": {}}],
    "networkPolicy.kubernetesApiPorts": [16443],
    "networkPolicy.extraEgress": [{"ports": [{"port": 8443, "protocol": "TCP"}]}],
    "certificates.configMap": "authorities",
    "certificates.secret": "authorities",
    "extraEnv": [{"name": "OTHER", "value": "1"}],
    "extraVolumes": [{"name": "other", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "other", "mountPath": "/other"}],
    "topologySpreadConstraints": [{"maxSkew": 1}],
    "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["other"]}],
    "workloads": {"api": {"podLabels": {"other": "label"}}},
    "image.digests.api": f"sha256:{'0' * 64}",
    "image.digests.assets": f"sha256:{'1' * 64}",
    "secrets.keys": {"api-token": "token"},
    "objectStore.keys": False,
    "serviceAccount.name": "other",
    "serviceAccount.launcherName": "other",
    "tolerations": [{"operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "monitoring.serviceMonitor.interval": "15s",
}
# Values in which a mark would hide all other marks, or that choose what is rendered.
NAMES_OF_ALL = ("nameOverride", "fullnameOverride", "secrets.existingSecret", "persistence.existingClaim")
# Numbers that may be as large as a mark.
LARGE_NUMBERS = (".uid", ".port", ".deadlineSeconds", ".jobTtlSeconds", ".games")
# Values that the other value needs to be valid.
ALSO: dict[str, dict[str, Any]] = {
    "database.kind": {"dagster.runs.launcher": "in-pod"},
    "objectStore.kind": {"dagster.runs.launcher": "in-pod"},
    "mlflow.kind": {"mlflow.external.url": "https://mlflow.example.com"},
}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"api.replicas": "two"}, "at '/api/replicas': got string, want integer"),
        ({"api.replicas": 0}, "at '/api/replicas': minimum: got 0, want 1"),
        ({"api.service.port": 70_000}, "at '/api/service/port': maximum: got 70,000, want 65,535"),
        ({"database.kind": "mysql"}, "at '/database/kind': value must be one of 'builtin', 'external', 'sqlite'"),
        ({"api.replica": 3}, "at '/api': additional properties 'replica' not allowed"),
        ({"database.builtin.storage.size": "lots"}, "at '/database/builtin/storage/size'"),
        ({"objectStore.bucket": "No_Bucket"}, "at '/objectStore/bucket': 'No_Bucket' does not match pattern"),
        ({"podSecurity.uid": 0}, "at '/podSecurity/uid': minimum: got 0, want 1"),
        ({"settings": {"PROMOTION_POLICYY": "lead"}}, "invalid propertyName 'PROMOTION_POLICYY'"),
        # YAML numbers can lose digits when they become environment variables.
        ({"settings": {"MAX_USABLE_ROWS": 3000}}, "at '/settings/MAX_USABLE_ROWS': got number, want string"),
        ({"database.external.parameters": {"sslmode": True}}, "at '/database/external/parameters/sslmode'"),
    ],
)
def test_the_error_for_an_invalid_value_names_it(helm: Helm, values: dict[str, Any], message: str) -> None:
    assert message in _refusal(helm, values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {**EMBEDDED, "api.replicas": 2},
            "api.replicas and api.autoscaling.enabled: several replicas cannot share SQLite",
        ),
        ({**EMBEDDED, "api.autoscaling.enabled": True}, "set database.kind to builtin or external"),
        ({"database.kind": "sqlite"}, "set dagster.runs.launcher to in-pod, or database.kind to builtin or external"),
        (
            {"dagster.runs.launcher": "in-pod", "dagster.runs.stepPods": True},
            "dagster.runs.stepPods: steps can be pods",
        ),
        ({"objectStore.kind": "none"}, "set persistence.accessMode to ReadWriteMany, objectStore.kind to builtin"),
        ({"database.kind": "external"}, "database.external.host: is empty; name the host of your PostgreSQL"),
        ({"objectStore.kind": "external"}, "objectStore.external.endpoint: is empty; name the address"),
        ({"mlflow.kind": "external"}, "mlflow.external.url: is empty; name the tracking URI"),
        (
            {**EXTERNAL, "secrets.existingSecret": ""},
            "secrets.existingSecret: the chart cannot generate the credentials of external stores",
        ),
        (
            {"api.autoscaling.enabled": True, "api.autoscaling.minReplicas": 9},
            "api.autoscaling.maxReplicas: is less than api.autoscaling.minReplicas; raise it",
        ),
        ({"api.ingress.tlsSecret": "certificate"}, "api.ingress.tlsSecret: a certificate needs a host"),
        ({"objectStore.keys": False}, "objectStore.keys: only an external store accepts roles"),
        ({**EXTERNAL, "objectStore.keys": False}, "objectStore.createBucket: the Job that creates buckets needs keys"),
        ({"api.ingress.otherHosts": ["a"]}, "api.ingress.otherHosts: without api.ingress.host the Ingress accepts any"),
        ({"certificates.configMap": "a", "certificates.secret": "b"}, "only one can hold the file; remove the other"),
        ({"settings": {"RPS_API_TOKEN": "x"}}, "settings.RPS_API_TOKEN: the chart sets it; use the key api-token"),
        ({"settings": {"RPS_DATABASE_URL": "x"}}, "settings.RPS_DATABASE_URL: the chart sets it; use database.kind"),
        ({"settings": {"RPS_HOST": "::"}}, "settings.RPS_HOST: the chart sets it, because its Services"),
    ],
)
def test_the_error_for_contradicting_values_says_what_to_do(helm: Helm, values: dict[str, Any], message: str) -> None:
    assert message in _refusal(helm, values)


def test_a_release_whose_services_would_be_invalid_is_refused(helm: Helm) -> None:
    with pytest.raises(HelmFailed, match="1st-rps of the objects begins with a digit, which Services cannot"):
        helm.run("template", "1st", str(CHART))


def test_settings_that_the_chart_sets_itself_are_refused(helm: Helm) -> None:
    accepted = set(json.loads(SCHEMA.read_text())["properties"]["settings"]["propertyNames"]["enum"])
    own = {
        name
        for profile in PROFILES
        for config in ("rps-env", "rps-env-assets")
        for name in helm.render(profile).get("ConfigMap", config)["data"]
    } - {"PROMOTION_POLICY", "RPS_STARTS_PER_MINUTE"}  # settings of a profile
    refused = set(re.findall(r'"([A-Z_0-9]+)"', (CHART / "templates" / "_validate.tpl").read_text()))
    assert own & accepted <= refused
    assert refused <= accepted


def test_every_value_changes_the_manifests(helm: Helm) -> None:
    unused = _marked_but_not_rendered(helm)
    others = [value for value in DOCUMENTED if _mark(value) is None]
    with ThreadPoolExecutor(2) as threads:
        used = threads.map(lambda value: _is_used(helm, value), others)
        unused += [value.path for value, changes in zip(others, used, strict=True) if not changes]
    assert unused == []


def test_the_table_of_values_in_the_readme_is_current() -> None:
    assert README.read_text() == with_table(README.read_text(), table(DOCUMENTED)), "run: make chart"


def test_the_schema_accepts_exactly_the_settings_of_the_product() -> None:
    assert SCHEMA.read_text() == with_settings(SCHEMA.read_text()), "run: make chart"


def test_the_schema_has_exactly_the_documented_values() -> None:
    schema = json.loads(SCHEMA.read_text())

    def paths(node: dict[str, Any], prefix: str) -> set[str]:
        found = set()
        for name, child in node.get("properties", {}).items():
            below = paths(child, f"{prefix}{name}.")
            found |= below or {f"{prefix}{name}"}
        return found

    # Helm passes `global` to every chart.
    assert paths(schema, "") - {"global"} == {value.path for value in DOCUMENTED}


def test_the_error_for_a_value_without_a_description_names_it() -> None:
    with pytest.raises(Undocumented, match=r"without a description: a\.c; add a comment above each"):
        documented_values("a:\n  # The b.\n  b: 1\n  c: 2\n")


def test_the_files_in_the_chart_equal_their_sources() -> None:
    assert present_files(CHART_FILES) == planned_files(), "run: make chart"


def test_the_chart_ships_neither_tests_of_rules_nor_scrape_configurations() -> None:
    assert [name for name in planned_files() if "test" in name or name.endswith("prometheus.yaml")] == []


def test_the_readme_names_every_file_to_start_from() -> None:
    text = README.read_text()
    assert [path.name for path in (CHART / "ci").iterdir() if f"ci/{path.name}" not in text] == []


def _refusal(helm: Helm, values: dict[str, Any]) -> str:
    with pytest.raises(HelmFailed) as refused:
        helm.render("", values)
    return str(refused.value)


def _marked_but_not_rendered(helm: Helm) -> list[str]:
    """Mark all possible values in few renderings, and return the values whose mark does not appear."""
    groups: dict[str, list[Value]] = {}
    for value in DOCUMENTED:
        if _mark(value) is not None:
            groups.setdefault(next((p for p in NEEDS if value.path.startswith(p)), ""), []).append(value)
    missing = []
    for prefix, values in groups.items():
        marks = {value.path: _mark(value) for value in values}
        text = helm.render_text("", NEEDS.get(prefix, {}) | marks)
        missing += [path for path in marks if _text_of(path) not in text]
    return missing


def _mark(value: Value) -> Any:
    """Return a value of the same type with a unique text, or None if no such value exists."""
    mark = _text_of(value.path)
    if value.path.endswith(LARGE_NUMBERS):
        return int(mark)
    if value.path in OTHER or value.path in NAMES_OF_ALL or isinstance(value.default, bool | int | list):
        return None
    if value.path.endswith("resources"):
        return {"requests": {"cpu": mark}}
    if isinstance(value.default, dict):
        return {"example.com/mark": mark}
    return mark


def _text_of(path: str) -> str:
    """Return a unique text that is valid for the value: a name, a quantity or a number."""
    number = 10_000 + [value.path for value in DOCUMENTED].index(path)
    if path.endswith(LARGE_NUMBERS):
        return str(number)
    if path.endswith("resources"):
        return f"{number}m"
    return f"{number}Gi" if path.endswith("size") else f"mark{number}"


def _is_used(helm: Helm, value: Value) -> bool:
    """Whether another value changes the manifests."""
    needed = next((given for prefix, given in NEEDS.items() if value.path.startswith(prefix)), {})
    # Without a given Secret, each rendering generates another.
    given = {"secrets.existingSecret": "given", **needed, **ALSO.get(value.path, {})}
    before = given.get(value.path, value.default)
    return helm.render_text("", given) != helm.render_text("", {**given, value.path: _other(value.path, before)})


def _other(path: str, default: Any) -> Any:
    if path in OTHER:
        return OTHER[path]
    return not default if isinstance(default, bool) else default + 1 if isinstance(default, int) else "other"
