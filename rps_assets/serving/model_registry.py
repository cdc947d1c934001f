"""MLflow: runs, registered versions and aliases. Imports MLflow only when it is used.

Other modules decide what to train and which version belongs into which slot; this one reads and writes.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, cast

from rps_assets.serving.model_folder import save_model
from rps_core.addresses import Credentials
from rps_core.bundle import BundleManifest, encode_manifest
from rps_core.bundle.codec import sha256_hex
from rps_core.cache import MODEL_FOLDER, CacheEntry
from rps_core.errors import RpsError
from rps_core.game.families import ALIASES, FAMILIES, REGISTERED_NAMES, Alias, Family, Slot
from rps_core.registry_server import NotAServer, RegistryServer

EXPERIMENT = "rps-bot"
TRIALS_EXPERIMENT = "rps-experiments"
CONFIGURATION_FILE = "config/configuration.json"
PENDING_PROMOTION_TAG = "rps.pending_promotion"
# Tag of a version: the version that its slot held before; a rollback goes back to it.
REPLACES_TAG = "replaces_version"
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
_MAX_METRICS_A_BATCH = 1_000
_MAX_PARAMETER_LENGTH = 6_000


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


class LoggedDataset(NamedTuple):
    """The dataset of a run as MLflow shows it; `profile` holds its figures as JSON."""

    name: str
    fingerprint: str
    source: str
    profile: str


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A trained model on its way into the registry.

    Attributes:
        manifest_for: returns the manifest for a run id; None for a model that is never served.
        artifacts: more files of the run, by path.
        tags: tags of the run and of the version.
        dataset: the training dataset, if MLflow should show it.
        input_example: features of one example, which MLflow stores with the model.
    """

    family: Family
    onnx_bytes: bytes
    manifest_for: Callable[[str], BundleManifest] | None
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    curves: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    artifacts: Mapping[str, bytes] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    dataset: LoggedDataset | None = None
    input_example: Sequence[float] | None = None


class ModelRegistry:
    """Reads and writes one MLflow tracking server and registry."""

    def __init__(
        self, tracking_uri: str, *, artifact_location: str | None = None, credentials: Credentials | None = None
    ) -> None:
        self.tracking_uri = tracking_uri
        self._credentials = credentials
        self._artifact_location = artifact_location

    @cached_property
    def _client(self) -> Any:
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
        """Id of the experiment that holds the runs of the 36 configurations; created if missing."""
        return self._experiment(TRIALS_EXPERIMENT)

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(name, artifact_location=self._artifact_location))

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
        run_id, manifest = self._log_run(submission, self.experiment_id, f"{submission.family}_training")
        if manifest is None:
            raise RegistryError(f"run {run_id} has no manifest; it can be compared but not served")
        try:
            self._require_registered_model(submission.family)
            created = self._client.create_model_version(
                REGISTERED_NAMES[submission.family],
                source=f"runs:/{run_id}/{MODEL_FOLDER}",
                run_id=run_id,
                tags={
                    **submission.tags,
                    "manifest_sha256": sha256_hex(manifest),
                    "model_sha256": sha256_hex(submission.onnx_bytes),
                },
            )
        except Exception:
            with contextlib.suppress(Exception):
                self._client.set_terminated(run_id, "FAILED")
            raise
        return _version(submission.family, created)

    def log_trial(self, submission: Submission, name: str) -> str:
        """Log a complete run of an experiment and return its id; nothing is registered."""
        return self._log_run(submission, self.trials_id, name)[0]

    def find_trials(self, tags: Mapping[str, str]) -> list[TrialRun]:
        """Return the finished runs of experiments that carry all `tags`, newest first."""
        conditions = ["attributes.status = 'FINISHED'", *(f"tags.{name} = '{value}'" for name, value in tags.items())]
        found = self._client.search_runs([self.trials_id], " and ".join(conditions), max_results=1_000)
        return [TrialRun(run.info.run_id, dict(run.data.tags), dict(run.data.metrics)) for run in found]

    def _log_run(self, submission: Submission, experiment_id: str, name: str) -> tuple[str, bytes | None]:
        """Log a run and finish it; return its id and the manifest of its model (None if it has no manifest)."""
        run = self._client.create_run(experiment_id, run_name=name, tags=dict(submission.tags))
        run_id = str(run.info.run_id)
        try:
            self._log_figures(run_id, submission)
            self._log_dataset(run_id, submission)
            described = submission.manifest_for
            manifest = encode_manifest(described(run_id)) if described else None
            self._log_files(run_id, submission, manifest)
            self._client.set_terminated(run_id, "FINISHED")
        except Exception:
            with contextlib.suppress(Exception):
                self._client.set_terminated(run_id, "FAILED")
            raise
        return run_id, manifest

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
        uri = self._client.get_run(run.run_id).info.artifact_uri
        # Files that are missing were deleted before a kill.
        with contextlib.suppress(FileNotFoundError):
            files: Any = get_artifact_repository(uri, tracking_uri=self.tracking_uri)
            files.delete_artifacts()
        self._client.delete_run(run.run_id)

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

        try:
            self._client.create_registered_model(REGISTERED_NAMES[family])
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _log_figures(self, run_id: str, submission: Submission) -> None:
        from mlflow.entities import Metric, Param

        moment = int(datetime.now(UTC).timestamp() * 1_000)
        points = [(name, value, 0) for name, value in submission.metrics.items()]
        points += [(name, value, step) for name, curve in submission.curves.items() for step, value in curve]
        metrics = [Metric(name, float(value), moment, int(step)) for name, value, step in points]
        parameters = [Param(name, value[:_MAX_PARAMETER_LENGTH]) for name, value in submission.parameters.items()]
        self._client.log_batch(run_id, params=parameters)
        for start in range(0, len(metrics), _MAX_METRICS_A_BATCH):
            self._client.log_batch(run_id, metrics=metrics[start : start + _MAX_METRICS_A_BATCH])

    def _log_dataset(self, run_id: str, submission: Submission) -> None:
        if submission.dataset is None:
            return
        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = submission.dataset
        # MLflow limits a digest to 36 characters; the profile and a tag hold the whole fingerprint.
        described = Dataset(dataset.name, dataset.fingerprint[:36], "rps", dataset.source, profile=dataset.profile)
        self._client.log_inputs(
            run_id, datasets=[DatasetInput(described, [InputTag("mlflow.data.context", "training")])]
        )

    def _log_files(self, run_id: str, submission: Submission, manifest: bytes | None) -> None:
        with tempfile.TemporaryDirectory(prefix="rps-run-") as name:
            folder = Path(name)
            for path, data in submission.artifacts.items():
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
            save_model(folder / MODEL_FOLDER, run_id, submission.onnx_bytes, manifest, submission.input_example)
            self._client.log_artifacts(run_id, str(folder))


def _version(family: Family, found: Any) -> RegisteredVersion:
    return RegisteredVersion(family, str(found.version), str(found.run_id), dict(found.tags))
