"""As much of a Kubernetes API server as Helm's `lookup` and Dagster's run launcher speak to, over real HTTP.

Given the rules of a Role, it refuses what they do not allow, as a cluster does.

There is no cluster here. What Helm and dagster-k8s send, and make of the answers, is tested; admission, scheduling and
everything else that a cluster does is not.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

_KINDS: dict[str, tuple[str, ...]] = {
    "v1": ("ConfigMap", "PersistentVolumeClaim", "Pod", "Secret", "Service", "ServiceAccount"),
    "apps/v1": ("Deployment", "StatefulSet"),
    "autoscaling/v2": ("HorizontalPodAutoscaler",),
    "batch/v1": ("CronJob", "Job"),
    "monitoring.coreos.com/v1": ("PrometheusRule", "ServiceMonitor"),
    "networking.k8s.io/v1": ("Ingress", "NetworkPolicy"),
    "policy/v1": ("PodDisruptionBudget",),
    "rbac.authorization.k8s.io/v1": ("Role", "RoleBinding"),
}


# Verb of a request for one object, and for the collection of its kind.
_VERBS = {"GET": ("get", "list"), "POST": ("", "create"), "DELETE": ("delete", "deletecollection")}
_RESOURCE = re.compile(
    r"/apis?/(?:(?P<group>[a-z.]+)/)?v\w+/namespaces/[^/]+/(?P<kind>\w+)(?P<name>/[^/]+)?(?P<sub>/\w+)?"
)


class Cluster:
    """Objects by path, and what was created.

    Attributes:
        objects: what a GET of a path returns.
        created: bodies of all POSTs, in their order.
        rules: rules of the Role that the client has; None allows everything.
        forbidden: what clients asked for and the rules do not allow, like "delete pods".
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.objects: dict[str, dict[str, Any]] = {}
        self.created: list[dict[str, Any]] = []
        self.rules: list[dict[str, Any]] | None = None
        self.forbidden: list[str] = []

    def allows(self, method: str, path: str) -> bool:
        """Return whether the rules allow a request; requests without a namespace are for everybody."""
        found = _RESOURCE.fullmatch(path)
        if self.rules is None or found is None:
            return True
        verb, resource = _VERBS[method][not found["name"]], f"{found['kind']}{found['sub'] or ''}"
        allowed = any(
            (found["group"] or "") in rule["apiGroups"] and resource in rule["resources"] and verb in rule["verbs"]
            for rule in self.rules
        )
        if not allowed:
            self.forbidden.append(f"{verb} {resource}")
        return allowed

    def write_kubeconfig(self, path: Path) -> Path:
        """Write a configuration by which clients reach this server, without credentials."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "here", "cluster": {"server": self.url}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "nobody"}}],
            "users": [{"name": "nobody", "user": {}}],
            "current-context": "here",
        }
        path.write_text(yaml.safe_dump(config))
        return path

    def answer(self, path: str) -> dict[str, Any] | None:
        """Return what a GET of `path` gives, or None for 404."""
        if path == "/version":
            return {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(v) for v in _KINDS if "/" in v]}
        version = path.removeprefix("/apis/").removeprefix("/api/")
        if version in _KINDS:
            resources = [_resource(kind) for kind in _KINDS[version]]
            return {"kind": "APIResourceList", "groupVersion": version, "resources": resources}
        return self.objects.get(path)


def _group(version: str) -> dict[str, Any]:
    name, _, number = version.partition("/")
    return {"name": name, "versions": [{"groupVersion": version, "version": number}]}


def _resource(kind: str) -> dict[str, Any]:
    plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}es" if kind.endswith("s") else f"{kind}s"
    return {"name": plural.lower(), "kind": kind, "namespaced": True, "verbs": ["get", "list", "create"]}


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Run the server on a free port of loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    cluster = Cluster(f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass = type("Handler", (_Handler,), {"cluster": cluster})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield cluster
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _failure(reason: str, code: int) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}


class _Handler(BaseHTTPRequestHandler):
    cluster: Cluster

    def do_GET(self) -> None:
        if self._is_allowed():
            self._found(self.cluster.answer(self._path))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._is_allowed():
            self.cluster.created.append(body)
            self._send(201, body)

    def do_DELETE(self) -> None:
        if self._is_allowed():
            self._found(self.cluster.objects.pop(self._path, None))

    @property
    def _path(self) -> str:
        return self.path.partition("?")[0]

    def _is_allowed(self) -> bool:
        allowed = self.cluster.allows(self.command, self._path)
        if not allowed:
            self._send(403, _failure("Forbidden", 403))
        return allowed

    def _found(self, found: dict[str, Any] | None) -> None:
        self._send(404, _failure("NotFound", 404)) if found is None else self._send(200, found)

    def log_message(self, *_: Any) -> None:
        """Keep the output of the tests clean."""

    def _send(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
