"""Writing of one MLflow run: parameters, metrics, dataset, files and the logged model."""

import contextlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rps_assets.serving.descriptions import DESCRIPTION_TAG
from rps_assets.serving.model_folder import save_model
from rps_core.bundle import BundleManifest, encode_manifest
from rps_core.cache import MODEL_FOLDER
from rps_core.game.families import Family

_MAX_METRICS_A_BATCH = 1_000
_MAX_PARAMETER_LENGTH = 6_000
_LOGGED_MODEL_PARAMETERS = ("hyperparameter_config_id", "n_samples", "seed")


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
        run_name: name of the run.
        description: Markdown that MLflow shows with the run and the version.
        manifest_for: returns the manifest for a run id; None for a model that is never served.
        artifacts: more files of the run, by path.
        tags: tags of the run and of the version.
        run_tags: more tags of the run, such as MLflow's own.
        dataset: the training dataset, if MLflow should show it.
        input_example: features of one example, which MLflow stores with the model.
    """

    family: Family
    run_name: str
    description: str = ""
    onnx_bytes: bytes
    manifest_for: Callable[[str], BundleManifest] | None
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    curves: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    artifacts: Mapping[str, bytes] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    run_tags: Mapping[str, str] = field(default_factory=dict)
    dataset: LoggedDataset | None = None
    input_example: Sequence[float] | None = None


class WrittenRun(NamedTuple):
    """A finished run with its logged model; `manifest` is None if the model is never served."""

    run_id: str
    model_id: str
    model_uri: str
    manifest: bytes | None


def write_run(client: Any, experiment_id: str, submission: Submission) -> WrittenRun:
    """Log a run and finish it; an exception marks the run FAILED."""
    tags = {**submission.tags, **submission.run_tags, DESCRIPTION_TAG: submission.description}
    run = client.create_run(experiment_id, run_name=submission.run_name, tags=tags)
    run_id = str(run.info.run_id)
    try:
        model = _create_model(client, experiment_id, run_id, submission)
        _log_figures(client, run_id, model.model_id, submission)
        _log_dataset(client, run_id, submission)
        described = submission.manifest_for
        manifest = encode_manifest(described(run_id)) if described else None
        _log_files(client, run_id, model.model_id, submission, manifest)
        client.finalize_logged_model(model.model_id, "READY")
        client.set_terminated(run_id, "FINISHED")
    except Exception:
        with contextlib.suppress(Exception):
            client.set_terminated(run_id, "FAILED")
        raise
    return WrittenRun(run_id, str(model.model_id), str(model.artifact_location), manifest)


def _create_model(client: Any, experiment_id: str, run_id: str, submission: Submission) -> Any:
    """Create the entry of the run's model; MLflow's page of the run links it."""
    from mlflow.entities import LoggedModelOutput

    model = client.create_logged_model(
        experiment_id,
        # Not the name of the run's folder: MLflow would search all logged models whenever it lists the folder.
        name=f"{submission.run_name.replace('@', '_').replace(' ', '_')}",
        source_run_id=run_id,
        tags=dict(submission.tags),
        params={
            name: submission.parameters[name] for name in _LOGGED_MODEL_PARAMETERS if name in submission.parameters
        },
        model_type=submission.family,
    )
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    return model


def _log_figures(client: Any, run_id: str, model_id: str, submission: Submission) -> None:
    from mlflow.entities import Metric, Param

    moment = int(datetime.now(UTC).timestamp() * 1_000)
    metrics = [
        Metric(name, float(value), moment, 0, model_id=model_id, run_id=run_id)
        for name, value in submission.metrics.items()
    ]
    metrics += [
        Metric(name, float(value), moment, int(step))
        for name, curve in submission.curves.items()
        for step, value in curve
    ]
    parameters = [Param(name, value[:_MAX_PARAMETER_LENGTH]) for name, value in submission.parameters.items()]
    client.log_batch(run_id, params=parameters)
    for start in range(0, len(metrics), _MAX_METRICS_A_BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + _MAX_METRICS_A_BATCH])


def _log_dataset(client: Any, run_id: str, submission: Submission) -> None:
    if submission.dataset is None:
        return
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = submission.dataset
    # MLflow limits a digest to 36 characters; the profile and an artifact hold the whole fingerprint.
    described = Dataset(dataset.name, dataset.fingerprint[:36], "rps", dataset.source, profile=dataset.profile)
    client.log_inputs(run_id, datasets=[DatasetInput(described, [InputTag("mlflow.data.context", "training")])])


def _log_files(client: Any, run_id: str, model_id: str, submission: Submission, manifest: bytes | None) -> None:
    with tempfile.TemporaryDirectory(prefix="rps-run-") as name:
        folder = Path(name)
        for path, data in submission.artifacts.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        model = folder / MODEL_FOLDER
        save_model(model, run_id, model_id, submission.onnx_bytes, manifest, submission.input_example)
        client.log_artifacts(run_id, str(folder))
        # Twice: the cache and the API read a model by its run, MLflow's pages and clients by its logged model.
        client.log_model_artifacts(model_id, str(model))
