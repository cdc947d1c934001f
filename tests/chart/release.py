"""Helm as the tests use it: renders the chart with values, and hands out the manifests by kind and name."""

import copy
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

CHART = Path(__file__).parents[2] / "helm" / "rps"
CI_VALUES = sorted(path.name for path in (CHART / "ci").glob("*-values.yaml"))
# The default values, and every file that a user could start from.
PROFILES = ("", *CI_VALUES)
WORKLOADS = ("Deployment", "StatefulSet", "Job", "CronJob", "Pod")
Manifest = dict[str, Any]


class HelmFailed(Exception):
    """Helm refused; the message is what it said."""


class Container(NamedTuple):
    """One container of a workload, with where it stands."""

    workload: str
    name: str
    spec: Manifest
    pod: Manifest

    def __str__(self) -> str:
        return f"{self.workload}/{self.name}"


class Release:
    """The manifests of one rendering."""

    def __init__(self, manifests: list[Manifest]) -> None:
        self.manifests = manifests

    def of_kind(self, *kinds: str) -> list[Manifest]:
        """Return the manifests of some kinds."""
        return [manifest for manifest in self.manifests if manifest["kind"] in kinds]

    def get(self, kind: str, name: str) -> Manifest:
        """Return one manifest.

        Raises:
            LookupError: there is no such object.
        """
        for manifest in self.of_kind(kind):
            if manifest["metadata"]["name"] == name:
                return manifest
        raise LookupError(f"no {kind} {name}; there are {[one['metadata']['name'] for one in self.of_kind(kind)]}")

    def has(self, kind: str, name: str) -> bool:
        """Return whether an object is there."""
        return any(manifest["metadata"]["name"] == name for manifest in self.of_kind(kind))

    def pods(self) -> list[tuple[str, Manifest, Manifest]]:
        """Return name, metadata and specification of each pod that a workload makes."""
        found = []
        for workload in self.of_kind(*WORKLOADS):
            owner = workload["spec"].get("jobTemplate", workload)
            template = workload if workload["kind"] == "Pod" else owner["spec"]["template"]
            found.append((f"{workload['kind']}/{workload['metadata']['name']}", template["metadata"], template["spec"]))
        return found

    def containers(self) -> Iterator[Container]:
        """Yield every container, those that run first included."""
        for name, _, pod in self.pods():
            for container in (*pod.get("initContainers", ()), *pod["containers"]):
                yield Container(name, container["name"], container, pod)

    def environment(self, container: Container) -> dict[str, str | None]:
        """Return the variables of a container; those from the Secret are None."""
        found: dict[str, str | None] = {}
        for source in container.spec.get("envFrom", ()):
            found |= self.get("ConfigMap", source["configMapRef"]["name"])["data"]
        for variable in container.spec.get("env", ()):
            found[variable["name"]] = variable.get("value")
        return found

    @property
    def instance(self) -> Manifest:
        """The configuration of the Dagster instance."""
        found: Manifest = yaml.safe_load(self.get("ConfigMap", "rps-dagster")["data"]["dagster.yaml"])
        return found


class Helm:
    """Runs Helm on the chart; equal renderings are made once."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self._rendered: dict[str, str] = {}

    def run(self, *arguments: str, stdin: str = "") -> str:
        """Return what a command of Helm writes.

        Raises:
            HelmFailed: it ended with an error.
        """
        command = [str(self._program), *arguments]
        # Helm ends before it runs out of memory; without its garbage collector it takes a quarter less time.
        environment = os.environ | {"GOGC": "off"}
        done = subprocess.run(
            command, input=stdin, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode:
            raise HelmFailed(done.stderr + done.stdout)
        return done.stdout

    def lint(self, profile: str) -> str:
        """Lint the chart with one of its profiles."""
        return self.run("lint", "--strict", str(CHART), *_values_file(profile))

    def render_text(self, profile: str = "", values: Mapping[str, Any] | None = None, *options: str) -> str:
        """Return the manifests as text; `values` are keyed by path with dots, or nested."""
        given = yaml.safe_dump(nested(values or {}))
        key = "\0".join((profile, given, *options))
        if key not in self._rendered:
            files = (*_values_file(profile), "--values", "-")
            self._rendered[key] = self.run("template", "rps", str(CHART), *files, *options, stdin=given)
        return self._rendered[key]

    def render(self, profile: str = "", values: Mapping[str, Any] | None = None, *options: str) -> Release:
        """Return the manifests of a profile with further values."""
        documents = yaml.load_all(self.render_text(profile, values, *options), Loader=yaml.CSafeLoader)
        return Release([document for document in documents if document])


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values whose keys are paths with dots as Helm takes them."""
    found: dict[str, Any] = {}
    for path, value in values.items():
        *parents, last = path.split(".")
        level = found
        for parent in parents:
            level = level.setdefault(parent, {})
        level[last] = copy.deepcopy(value)
    return found


def _values_file(profile: str) -> tuple[str, ...]:
    return ("--values", str(CHART / "ci" / profile)) if profile else ()
