"""MLflow: runs, registered versions and aliases. Imports MLflow only when it is used.

Other modules decide what to train and which version belongs into which slot; this one reads and writes.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, cast

from rps_assets.serving.descriptions import (
    EXPERIMENT,
    KIND_TAG,
    TRIALS_EXPERIMENT,
    describe_registered_model,
    experiment_tags,
    is_guessed,
)
from rps_assets.serving.run_writer import Submission, write_run
from rps_core.addresses import Credentials
from rps_core.bundle.codec import sha256_hex
from rps_core.cache import MODEL_FOLDER, CacheEntry
from rps_core.errors import RpsError
from rps_core.game.families import ALIASES, FAMILIES, REGISTERED_NAMES, Alias, Family, Slot
from rps_core.http_clients import require_usable_proxy
from rps_core.registry_server import NotAServer, RegistryServer

CONFIGURATION_FILE = "config/configuration.json"
PENDING_PROMOTION_TAG = "rps.pending_promotion"
# A sensor must notice within one tick that the server is down; MLflow's defaults wait for minutes.
_CLIENT_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # For artifacts in S3, as for the model cache.
    "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
}


class RegistryError(RpsError):
    """The model registry refused a request, or does not hold what was written."""


class RegisteredVersion(NamedTuple):
    """A version of a registered model with the tags it was registered with."""

    family: Family
    version: str
    run_id: str
    tags: Mapping[str, str]

    @property
    def registered_name(self) -> str:
        """Name of the registered model."""
        return REGISTERED_NAMES[self.family]

    def cache_entry(self, alias: Alias) -> CacheEntry | None:
        """Return the entry that puts this version into a slot; None if the version has no bundle of this product."""
        hashes = self.tags.get("manifest_sha256"), self.tags.get("model_sha256")
        if hashes[0] is None or hashes[1] is None:
            return None
        return CacheEntry(
            family=self.family,
            alias=alias,
            registered_name=self.registered_name,
            version=self.version,
            run_id=self.run_id,
            manifest_sha256=hashes[0],
            model_sha256=hashes[1],
        )


class OldRun(NamedTuple):
    """A run of a training, with family and number of the versions that were registered from it."""

    run_id: str
    versions: tuple[tuple[Family, str], ...]


class TrialRun(NamedTuple):
    """A finished run of an experiment."""

    run_id: str
    tags: Mapping[str, str]
    metrics: Mapping[str, float]


class ModelRegistry:
    """Reads and writes one MLflow tracking server and registry."""

    def __init__(
        self, tracking_uri: str, *, artifact_location: str | None = None, credentials: Credentials | None = None
    ) -> None:
        self.tracking_uri = tracking_uri
        self._credentials = credentials
        self._artifact_location = artifact_location
        self._described = set[Family]()

    @cached_property
    def _client(self) -> Any:
        require_usable_proxy(self.tracking_uri)
        for name, value in _CLIENT_DEFAULTS.items():
            os.environ.setdefault(name, value)
        # MLflow takes credentials from here only; in the address, its errors would repeat them.
        if self._credentials is not None:
            os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"] = self._credentials
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=self.tracking_uri, registry_uri=self.tracking_uri)

    @cached_property
    def experiment_id(self) -> str:
        """Id of the experiment that holds the training runs; created if missing."""
        return self._experiment(EXPERIMENT)

    @cached_property
    def trials_id(self) -> str:
        """Id of the experiment that holds the runs of all configurations; created if missing."""
        return self._experiment(TRIALS_EXPERIMENT)

    def _experiment(self, name: str) -> str:
        tags, found = experiment_tags(name), self._client.get_experiment_by_name(name)
        if found is None:
            location = self._artifact_location
            return str(self._client.create_experiment(name, artifact_location=location, tags=tags))
        for key, value in tags.items():
            if key not in found.tags or (key == KIND_TAG and is_guessed(found.tags[key])):
                self._client.set_experiment_tag(found.experiment_id, key, value)
        return str(found.experiment_id)

    def aliases(self, family: Family) -> dict[Alias, str]:
        """Return the version at each alias of a family, without missing aliases."""
        from mlflow.exceptions import MlflowException

        try:
            held = self._client.get_registered_model(REGISTERED_NAMES[family]).aliases
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return {}
            raise
        return {alias: str(held[alias]) for alias in ALIASES if alias in held}

    def aliased_versions(self) -> dict[Slot, RegisteredVersion]:
        """Return the version in each of the twelve slots, without empty slots."""
        return {
            Slot(family, alias): self.version(family, version)
            for family in FAMILIES
            for alias, version in self.aliases(family).items()
        }

    def watch_aliased_versions(self) -> dict[Slot, RegisteredVersion]:
        """Return the same as `aliased_versions`, for sensors: a server is read without MLflow, and nothing is retried.

        Importing MLflow would cost the code server 130 MB for good.

        Raises:
            RegistryFault: the server does not answer as expected.
        """
        try:
            found = RegistryServer(self.tracking_uri, self._credentials).aliased_versions()
        except NotAServer:
            return self.aliased_versions()
        return {one.slot: RegisteredVersion(one.slot.family, one.version, one.run_id, one.tags) for one in found}

    def version(self, family: Family, version: str) -> RegisteredVersion:
        """Return one version."""
        return _version(family, self._client.get_model_version(REGISTERED_NAMES[family], version))

    def tags_of(self, family: Family, version: str) -> Mapping[str, str] | None:
        """Return the tags of a version, or None if it does not exist."""
        from mlflow.exceptions import MlflowException

        try:
            return self.version(family, version).tags
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise

    def require_servable(self, family: Family, version: str) -> RegisteredVersion:
        """Return a version that can be served.

        Raises:
            RegistryError: the version does not exist, or has no bundle of this product.
        """
        from mlflow.exceptions import MlflowException

        try:
            found = self.version(family, version)
        except MlflowException as error:
            raise RegistryError(f"{REGISTERED_NAMES[family]} has no version {version}: {error.message}") from error
        if found.cache_entry("Production") is None:
            raise RegistryError(f"{REGISTERED_NAMES[family]} version {version} was not registered by this product")
        return found

    def find_versions(self, family: Family, tags: Mapping[str, str]) -> list[RegisteredVersion]:
        """Return the versions that carry all `tags`, newest first."""
        conditions = [f"name='{REGISTERED_NAMES[family]}'", *(f"tags.{name}='{value}'" for name, value in tags.items())]
        found = self._client.search_model_versions(" and ".join(conditions))
        return sorted((_version(family, version) for version in found), key=lambda version: -int(version.version))

    def log_and_register(self, submission: Submission) -> RegisteredVersion:
        """Log a complete run and register its model; no alias moves.

        A version exists only after its run is complete, so a kill at any point leaves no half version. An exception
        marks the run FAILED; `close_abandoned_runs` finds the runs that a kill leaves behind.
        """
        written = write_run(self._client, self.experiment_id, submission)
        if written.manifest is None:
            raise RegistryError(f"run {written.run_id} has no manifest; it can be compared but not served")
        try:
            self._require_registered_model(submission.family)
            created = self._client.create_model_version(
                REGISTERED_NAMES[submission.family],
                source=written.model_uri,
                run_id=written.run_id,
                model_id=written.model_id,
                description=submission.description,
                # The server answers with a version that is ready.
                await_creation_for=None,
                tags={
                    **submission.tags,
                    "manifest_sha256": sha256_hex(written.manifest),
                    "model_sha256": sha256_hex(submission.onnx_bytes),
                },
            )
        except Exception:
            with contextlib.suppress(Exception):
                self._client.set_terminated(written.run_id, "FAILED")
            raise
        return _version(submission.family, created)

    def log_trial(self, submission: Submission) -> str:
        """Log a complete run of an experiment and return its id; nothing is registered."""
        return write_run(self._client, self.trials_id, submission).run_id

    def find_trials(self, tags: Mapping[str, str]) -> list[TrialRun]:
        """Return the finished runs of experiments that carry all `tags`, newest first."""
        conditions = ["attributes.status = 'FINISHED'", *(f"tags.{name} = '{value}'" for name, value in tags.items())]
        found = self._client.search_runs([self.trials_id], " and ".join(conditions), max_results=1_000)
        return [TrialRun(run.info.run_id, dict(run.data.tags), dict(run.data.metrics)) for run in found]

    def set_alias(self, family: Family, alias: Alias, version: str) -> None:
        """Point one alias at a version and read it back.

        Raises:
            RegistryError: the alias does not point to the version afterwards.
        """
        self.move_aliases(family, {alias: version})

    def move_aliases(self, family: Family, wanted: Mapping[Alias, str | None]) -> None:
        """Point several aliases of a family to versions (None removes an alias); after a failure, no alias has moved.

        Raises:
            RegistryError: the registry holds other versions afterwards.
        """
        before = self.aliases(family)
        try:
            self._write_aliases(family, wanted)
            found = self.aliases(family)
            wrong = [alias for alias, version in wanted.items() if found.get(alias) != version]
            if wrong:
                raise RegistryError(
                    f"{REGISTERED_NAMES[family]}: alias {', '.join(wrong)} does not hold the written version"
                )
        except Exception:
            self._write_aliases(family, {alias: before.get(alias) for alias in wanted})
            raise

    def download_model(self, run_id: str) -> dict[str, bytes]:
        """Return the files of a run's model directory by name.

        Raises:
            RegistryError: the run has no model.
        """
        with tempfile.TemporaryDirectory(prefix="rps-model-") as folder:
            try:
                root = Path(self._client.download_artifacts(run_id, MODEL_FOLDER, folder))
            except Exception as error:
                raise RegistryError(f"the model of run {run_id} cannot be fetched: {error}") from error
            return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def read_configuration(self, run_id: str) -> bytes | None:
        """Return the configuration stored with a run, if any."""
        names = {found.path for found in self._client.list_artifacts(run_id, str(Path(CONFIGURATION_FILE).parent))}
        if CONFIGURATION_FILE not in names:
            return None
        with tempfile.TemporaryDirectory(prefix="rps-configuration-") as folder:
            return Path(self._client.download_artifacts(run_id, CONFIGURATION_FILE, folder)).read_bytes()

    def metrics(self, run_id: str) -> dict[str, float]:
        """Return the last value of each metric of a run."""
        return dict(self._client.get_run(run_id).data.metrics)

    def close_abandoned_runs(self, family: Family, alias: Alias, is_alive: Callable[[str], bool]) -> list[str]:
        """Mark unfinished runs of a slot KILLED unless the Dagster run that started them is alive; return their ids."""
        filter_string = (
            f"attributes.status = 'RUNNING' and tags.model_type = '{family}' and tags.target_alias = '{alias}'"
        )
        found = self._client.search_runs([self.experiment_id], filter_string)
        abandoned = [run.info.run_id for run in found if not is_alive(run.data.tags.get("dagster_run_id", ""))]
        for run_id in abandoned:
            self._client.set_terminated(run_id, "KILLED")
        return abandoned

    def old_training_runs(self, before: datetime) -> list[OldRun]:
        """Return the runs of trainings that started before a moment, oldest first; experiments are not among them."""
        condition = f"attributes.start_time < {int(before.timestamp() * 1_000)}"
        found, token = list[str](), None
        while True:
            page = self._client.search_runs(
                [self.experiment_id], condition, order_by=["attributes.start_time"], page_token=token
            )
            found += [str(run.info.run_id) for run in page]
            token = page.token
            if not token:
                break
        versions: dict[str, list[tuple[Family, str]]] = {}
        for family in FAMILIES if found else ():
            for one in self._all(family):
                versions.setdefault(str(one.run_id), []).append((family, str(one.version)))
        return [OldRun(run_id, tuple(versions.get(run_id, ()))) for run_id in found]

    def _all(self, family: Family) -> Iterator[Any]:
        token = None
        while True:
            page = self._client.search_model_versions(f"name='{REGISTERED_NAMES[family]}'", page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def delete_training_run(self, run: OldRun) -> None:
        """Delete a run's versions, then its files, then the run: a killed deletion can be repeated."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        for family, version in run.versions:
            self._client.delete_model_version(REGISTERED_NAMES[family], version)
        found = self._client.get_run(run.run_id)
        models = {one.model_id: one for one in self._logged_models(found)}
        for uri in (found.info.artifact_uri, *(one.artifact_location for one in models.values())):
            # Files that are missing were deleted before a kill.
            with contextlib.suppress(FileNotFoundError):
                files: Any = get_artifact_repository(uri, tracking_uri=self.tracking_uri)
                files.delete_artifacts()
        for model_id in models:
            self._client.delete_logged_model(model_id)
        self._client.delete_run(run.run_id)

    def _logged_models(self, run: Any) -> Iterator[Any]:
        from mlflow.exceptions import MlflowException

        for output in run.outputs.model_outputs if run.outputs else ():
            # Deleted before a kill.
            with contextlib.suppress(MlflowException):
                yield self._client.get_logged_model(output.model_id)

    def pending_promotion(self, family: Family) -> str | None:
        """Return the text of an unfinished promotion, if any."""
        if not self.aliases(family):
            return None
        tags = self._client.get_registered_model(REGISTERED_NAMES[family]).tags
        return cast("str | None", tags.get(PENDING_PROMOTION_TAG))

    def begin_promotion(self, family: Family, text: str) -> None:
        """Store the intent of a promotion, before its first alias moves."""
        self._client.set_registered_model_tag(REGISTERED_NAMES[family], PENDING_PROMOTION_TAG, text)

    def end_promotion(self, family: Family) -> None:
        """Remove the intent of a promotion that is complete or was undone."""
        self._client.delete_registered_model_tag(REGISTERED_NAMES[family], PENDING_PROMOTION_TAG)

    def _write_aliases(self, family: Family, wanted: Mapping[Alias, str | None]) -> None:
        for alias, version in wanted.items():
            if version is None:
                self._client.delete_registered_model_alias(REGISTERED_NAMES[family], alias)
            else:
                self._client.set_registered_model_alias(REGISTERED_NAMES[family], alias, version)

    def _require_registered_model(self, family: Family) -> None:
        from mlflow.exceptions import MlflowException

        if family in self._described:
            return
        name, description = REGISTERED_NAMES[family], describe_registered_model(family)
        try:
            self._client.create_registered_model(name, description=description)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            if not self._client.get_registered_model(name).description:
                self._client.update_registered_model(name, description)
        self._described.add(family)


def _version(family: Family, found: Any) -> RegisteredVersion:
    return RegisteredVersion(family, str(found.version), str(found.run_id), dict(found.tags))
