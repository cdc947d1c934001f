"""What each profile is for: one node, external stores, many replicas, and what network and monitoring make of it."""

from typing import Any

import pytest
import yaml

from tests.chart.release import CHART, Helm, Manifest, Release

EMBEDDED, EXTERNAL, MANY = "embedded-values.yaml", "external-values.yaml", "many-values.yaml"
# What k3s and the system leave of 4 GB.
ROOM_BYTES = 3.2 * 2**30


def test_one_node_of_four_gigabytes_holds_everything(helm: Helm) -> None:
    """Requests of all pods that live long, plus the largest init container beside them."""
    release = helm.render(EMBEDDED)
    asked = sum(
        _bytes(container.spec["resources"]["requests"]["memory"])
        for container in release.containers()
        if container.workload.startswith(("Deployment/", "StatefulSet/"))
        and container.spec in container.pod["containers"]
    )
    assert asked < ROOM_BYTES


def test_one_node_has_one_writer_and_no_server_of_its_own_for_data(helm: Helm) -> None:
    release = helm.render(EMBEDDED)
    assert release.of_kind("StatefulSet") == []
    api = release.get("Deployment", "rps-api")["spec"]
    assert (api["replicas"], api["strategy"]) == (1, {"type": "Recreate"})
    assert "RPS_DATABASE_URL" not in release.get("ConfigMap", "rps-env")["data"]


def test_on_one_node_dagster_is_one_pod_whose_code_ends_the_runs_it_left_behind(helm: Helm) -> None:
    release = helm.render(EMBEDDED)
    pod = release.get("Deployment", "rps-dagster")["spec"]["template"]["spec"]
    assert [container["name"] for container in pod["containers"]] == ["code", "webserver", "daemon"]
    ready = "python -m rps_assets.automation.instance"
    assert ready in pod["initContainers"][0]["command"][-1]
    # A container that starts again does so without the init containers of its pod.
    first, then = pod["containers"][0]["command"][-1].splitlines()
    assert first == ready
    assert then.startswith("exec dagster api grpc ")
    apart = helm.render().get("Deployment", "rps-code")["spec"]["template"]["spec"]["containers"][0]
    assert ready not in str(apart["command"])
    assert "run_launcher" not in release.instance
    assert release.instance["storage"]["custom"]["config"] == {"base_dir": {"env": "DAGSTER_HOME"}}
    assert release.of_kind("Role", "RoleBinding") == []


def test_pods_that_share_a_volume_of_one_node_stay_together(helm: Helm) -> None:
    release = helm.render(EMBEDDED)
    for name in ("rps-api", "rps-dagster"):
        pod = release.get("Deployment", name)["spec"]["template"]["spec"]
        (term,) = pod["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert term["topologyKey"] == "kubernetes.io/hostname"
        assert {volume["name"]: volume for volume in pod["volumes"]}["data"]["persistentVolumeClaim"]
    shared = helm.render(EMBEDDED, {"persistence.accessMode": "ReadWriteMany"})
    assert "affinity" not in shared.get("Deployment", "rps-api")["spec"]["template"]["spec"]


def test_external_stores_are_used_and_none_is_built(helm: Helm) -> None:
    release = helm.render(EXTERNAL)
    assert release.of_kind("StatefulSet", "PersistentVolumeClaim") == []
    environment = release.get("ConfigMap", "rps-env")["data"]
    assert environment["RPS_DATABASE_URL"] == "postgresql+psycopg://rps@postgres.databases.svc:5432/rps?sslmode=require"
    assert environment["MINIO_ENDPOINT"] == "https://s3.example.com"
    assert environment["PROMOTION_POLICY"] == "z_test"
    assets = release.get("ConfigMap", "rps-env-assets")["data"]
    assert assets["MLFLOW_TRACKING_URI"] == "https://mlflow.example.com"
    assert assets["RPS_DATA_URL"] == "s3://rps-models/data"
    assert release.instance["storage"]["postgres"]["postgres_db"] == {
        "scheme": "postgresql+psycopg2",
        "username": "rps",
        "hostname": "postgres.databases.svc",
        "port": 5432,
        "db_name": "dagster",
        "params": {"sslmode": "require"},
    }


def test_the_ingress_leads_the_host_with_its_certificate_to_the_service(helm: Helm) -> None:
    spec = helm.render(EXTERNAL).get("Ingress", "rps-api")["spec"]
    assert spec["ingressClassName"] == "nginx"
    assert spec["tls"] == [{"hosts": ["play.example.com"], "secretName": "play-certificate"}]
    (rule,) = spec["rules"]
    assert rule["host"] == "play.example.com"
    assert rule["http"]["paths"][0]["backend"] == {"service": {"name": "rps-api", "port": {"name": "http"}}}
    # Without a host it takes any.
    (anywhere,) = helm.render(EMBEDDED).get("Ingress", "rps-api")["spec"]["rules"]
    assert "host" not in anywhere


def test_the_ingress_leads_several_hosts_and_the_path_of_the_game_to_the_service(helm: Helm) -> None:
    values: dict[str, object] = {"api.rootPath": "/rps", "api.ingress.otherHosts": ["www.example.com"]}
    release = helm.render(EXTERNAL, values)
    spec = release.get("Ingress", "rps-api")["spec"]
    assert spec["tls"][0]["hosts"] == ["play.example.com", "www.example.com"]
    assert [rule["host"] for rule in spec["rules"]] == ["play.example.com", "www.example.com"]
    assert [rule["http"]["paths"][0]["path"] for rule in spec["rules"]] == ["/rps", "/rps"]
    assert release.get("ConfigMap", "rps-env")["data"]["RPS_ROOT_PATH"] == "/rps"
    paths = helm.render(EXTERNAL, values | {"api.ingress.paths": ["/rps", "/game"]}).get("Ingress", "rps-api")["spec"]
    assert [path["path"] for path in paths["rules"][0]["http"]["paths"]] == ["/rps", "/game"]


def test_replicas_follow_the_load_and_a_drained_node_takes_one(helm: Helm) -> None:
    release = helm.render(MANY)
    deployment = release.get("Deployment", "rps-api")
    # Two who set it would fight.
    assert "replicas" not in deployment["spec"]
    scaler = release.get("HorizontalPodAutoscaler", "rps-api")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 12)
    assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "rps-api"}
    budget = release.get("PodDisruptionBudget", "rps-api")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == deployment["spec"]["selector"]


def test_a_new_version_answers_before_an_old_one_goes(helm: Helm) -> None:
    spec = helm.render(MANY).get("Deployment", "rps-api")["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    container = spec["template"]["spec"]["containers"][0]
    # Longer than the Service takes to forget it, and within the time that it is given.
    seconds = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert 0 < seconds < spec["template"]["spec"]["terminationGracePeriodSeconds"]


def test_a_single_replica_has_no_budget_that_would_keep_its_node_from_being_drained(helm: Helm) -> None:
    assert helm.render().of_kind("PodDisruptionBudget", "HorizontalPodAutoscaler") == []


def test_each_database_is_awaited_and_migrated_before_the_program_that_uses_it(helm: Helm) -> None:
    release = helm.render()
    scripts = {"api": "rps migrate", "daemon": "dagster instance migrate", "webserver": "dagster instance migrate"}
    for name, command in {**scripts, "mlflow": 'mlflow db upgrade "$MLFLOW_BACKEND_STORE_URI"'}.items():
        pod = release.get("Deployment", f"rps-{name}")["spec"]["template"]["spec"]
        (first,) = pod["initContainers"]
        assert f"until {command}; do sleep 3; done" in first["command"][-1]
        # The first process of a container ignores signals that it does not handle.
        assert "trap exit TERM" in first["command"][-1]
        (then,) = pod["containers"]
        same = ("image", "envFrom") if name != "mlflow" else ("image",)
        assert [first[key] for key in same] == [then[key] for key in same]


def test_the_bucket_is_made_without_anonymous_access(helm: Helm) -> None:
    release = helm.render()
    (container,) = _job(release, "bucket")["spec"]["template"]["spec"]["containers"]
    script = container["command"][-1]
    assert 'mc anonymous set none "store/$MINIO_BUCKET"' in script
    assert "download" not in script
    environment = {variable["name"]: variable for variable in container["env"]}
    assert environment["MINIO_BUCKET"]["value"] == release.get("ConfigMap", "rps-env")["data"]["MINIO_BUCKET"]
    assert helm.render(EXTERNAL).of_kind("Job") == []


def test_a_new_installation_plays_games_to_learn_from(helm: Helm) -> None:
    job = _job(helm.render(), "bootstrap")
    assert job["spec"]["template"]["spec"]["containers"][0]["command"][-2:] == ["--games", "600"]
    # As a hook it would keep `helm install` waiting for longer than Helm waits.
    assert "annotations" not in job["metadata"]


def test_helm_test_plays_against_the_service(release: Release) -> None:
    pod = release.get("Pod", "rps-test-play")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    (container,) = pod["spec"]["containers"]
    assert container["command"][:2] == ["rps", "simulate"]
    address = next(variable["value"] for variable in container["env"] if variable["name"] == "API_BASE")
    assert address == "http://rps-api.default.svc:80"


def test_training_is_serialised_in_every_profile(release: Release) -> None:
    assert release.instance["concurrency"]["pools"] == {"granularity": "run", "default_limit": 1}


def test_the_instance_is_that_of_one_machine_but_for_storage_launcher_and_size(release: Release) -> None:
    embedded = yaml.safe_load((CHART.parents[1] / "dagster_home" / "dagster.yaml").read_text())
    rendered = release.instance
    own = {"storage", "run_launcher", "compute_logs"}
    assert rendered.keys() - own == embedded.keys() - own
    shared = embedded.keys() - own - {"concurrency"}
    assert {key: rendered[key] for key in shared} == {key: embedded[key] for key in shared}


@pytest.mark.parametrize(
    ("component", "reached_by"),
    [
        ("postgresql", {"api", "dagster", "code", "webserver", "daemon", "run", "mlflow"}),
        ("minio", {"api", "dagster", "code", "webserver", "daemon", "run", "bucket"}),
        ("mlflow", {"dagster", "code", "webserver", "daemon", "run"}),
        ("code", {"webserver", "daemon"}),
    ],
)
def test_stores_and_code_are_reached_by_those_who_need_them(helm: Helm, component: str, reached_by: set[str]) -> None:
    (rule,) = helm.render().get("NetworkPolicy", f"rps-{component}")["spec"]["ingress"]
    (peer,) = rule["from"]
    (expression,) = peer["podSelector"]["matchExpressions"]
    assert set(expression["values"]) == reached_by


def test_whatever_no_policy_allows_is_denied(release: Release) -> None:
    deny = release.get("NetworkPolicy", "rps-deny")["spec"]
    assert deny["policyTypes"] == ["Ingress", "Egress"]
    assert {"ingress", "egress"}.isdisjoint(deny)
    for name, metadata, _ in release.pods():
        assert deny["podSelector"]["matchLabels"].items() <= metadata["labels"].items(), name


def test_every_port_of_a_service_is_opened_by_a_policy(release: Release) -> None:
    opened = {
        (component, port["port"])
        for policy in release.of_kind("NetworkPolicy")
        for rule in policy["spec"].get("ingress", ())
        for component in policy["spec"]["podSelector"]["matchExpressions"][0]["values"]
        for port in rule["ports"]
    }
    for service in release.of_kind("Service"):
        component = service["spec"]["selector"]["app.kubernetes.io/component"]
        for port in service["spec"]["ports"]:
            number = 8080 if component == "api" else port["port"]
            assert (component, number) in opened, service["metadata"]["name"]


def test_every_pod_of_ours_may_ask_name_servers_but_stores_speak_to_nobody(release: Release) -> None:
    egress = release.get("NetworkPolicy", "rps-egress")["spec"]
    speaking = set(egress["podSelector"]["matchExpressions"][0]["values"])
    for name, metadata, _ in release.pods():
        component = metadata["labels"]["app.kubernetes.io/component"]
        assert (component in speaking) == (component not in {"postgresql", "minio"}), name
    name_servers = [{"port": port, "protocol": protocol} for port in (53, 5353) for protocol in ("UDP", "TCP")]
    assert {"ports": name_servers} in egress["egress"]


@pytest.mark.parametrize(
    ("endpoint", "port", "opened"),
    [
        ("https://s3.example.com", 0, 443),
        ("http://s3.example.com", 0, 80),
        ("http://minio.storage.svc:9000", 0, 9000),
        ("http://minio.storage.svc", 9000, 9000),
    ],
)
def test_the_port_of_an_external_store_is_opened(helm: Helm, endpoint: str, port: int, opened: int) -> None:
    external = {"objectStore.external.endpoint": endpoint, "objectStore.external.port": port}
    release = helm.render(EXTERNAL, external)
    egress = release.get("NetworkPolicy", "rps-egress")["spec"]["egress"]
    assert {"ports": [{"port": opened, "protocol": "TCP"}]} in egress


def test_the_outside_reaches_only_what_the_values_name(helm: Helm) -> None:
    release = helm.render(MANY)

    def namespaces(name: str) -> set[str]:
        (rule,) = release.get("NetworkPolicy", name)["spec"]["ingress"]
        selectors = [peer["namespaceSelector"] for peer in rule["from"] if "namespaceSelector" in peer]
        return {selector["matchLabels"]["kubernetes.io/metadata.name"] for selector in selectors}

    assert namespaces("rps-api") == {"ingress-nginx", "monitoring"}
    assert namespaces("rps-dagster") == namespaces("rps-mlflow") == {"oauth2-proxy"}
    assert namespaces("rps-postgresql") == set()


def test_prometheus_finds_the_api_by_annotations_or_by_a_service_monitor(helm: Helm) -> None:
    annotated = helm.render().get("Deployment", "rps-api")["spec"]["template"]["metadata"]["annotations"]
    assert annotated["prometheus.io/scrape"] == "true"
    assert (annotated["prometheus.io/path"], annotated["prometheus.io/port"]) == ("/metrics", "8080")
    release = helm.render(EXTERNAL)
    assert "prometheus.io/scrape" not in str(release.get("Deployment", "rps-api"))
    monitor = release.get("ServiceMonitor", "rps-api")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    service = release.get("Service", "rps-api")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}


def test_the_rules_and_dashboards_arrive_as_they_were_made(helm: Helm) -> None:
    release = helm.render(MANY)
    made: list[Any] = []
    for path in sorted((CHART / "files" / "prometheus").glob("*.yaml")):
        made += yaml.safe_load(path.read_text())["groups"]
    assert release.get("PrometheusRule", "rps")["spec"]["groups"] == made
    assert made
    dashboards = {
        name: text
        for config in release.of_kind("ConfigMap")
        if "grafana_dashboard" in config["metadata"]["labels"]
        for name, text in config["data"].items()
    }
    files = {path.name: path.read_text() for path in (CHART / "files" / "grafana").glob("*.json")}
    assert {name: yaml.safe_load(text) for name, text in dashboards.items()} == {
        name: yaml.safe_load(text) for name, text in files.items()
    }
    assert dashboards
    # etcd takes no larger object.
    assert all(len(text.encode()) < 1_000_000 for text in dashboards.values())


def test_the_notes_lead_to_the_game_the_test_and_the_token(helm: Helm) -> None:
    text = helm.run("install", "rps", str(CHART), "--dry-run=client", "--namespace", "games")
    notes = text.partition("NOTES:")[2]
    for hint in ("port-forward service/rps-api 8080:80", "helm test rps --namespace games", "get secret rps-secrets"):
        assert hint in notes


def _job(release: Release, component: str) -> Manifest:
    (found,) = [job for job in release.of_kind("Job") if f"-{component}-" in job["metadata"]["name"]]
    return found


def _bytes(amount: str) -> float:
    units: Manifest = {"Mi": 2**20, "Gi": 2**30}
    return float(amount[:-2]) * float(units[amount[-2:]])
