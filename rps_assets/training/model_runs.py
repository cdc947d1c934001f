"""Retraining of one slot: choose the configuration, fit or reuse a version, log, register, move the alias.

`rps_assets.training.fit` fits the models and `rps_assets.serving.model_registry` writes to MLflow.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from rps_assets.datasets.dataset_folder import DatasetInfo
from rps_assets.serving.model_registry import (
    CONFIGURATION_FILE,
    ModelRegistry,
    RegisteredVersion,
)
from rps_assets.serving.run_writer import LoggedDataset, Submission
from rps_assets.training.dataset import TrainingDataset
from rps_assets.training.descriptions import Links, describe_model, run_name
from rps_assets.training.fit import TrainingResult, train_model
from rps_assets.training.parameters import (
    Configuration,
    InvalidConfiguration,
    default_configuration,
    from_json,
    to_json,
)
from rps_core.bundle import BundleManifest, DatasetSummary
from rps_core.bundle.codec import sha256_hex
from rps_core.features.contract import CONTRACT_V2, LAGS
from rps_core.game.families import REGISTERED_NAMES, Alias, Family
from rps_core.game.opponents import opponent_of
from rps_core.promotion.ledger_entry import AliasAssignment, LedgerEntry
from rps_core.registry_server import REPLACES_TAG

HASHES_FILE = "reports/hashes.json"


class SlotOutcome(NamedTuple):
    """Content of a slot after a retraining.

    Attributes:
        fitted: false if a registered version with the same examples, configuration and seed was reused.
        replaced: the version that the slot held before.
        plots: PNG bytes of a new fit by path; empty for a reused version.
    """

    alias: Alias
    version: RegisteredVersion
    configuration: Configuration
    fitted: bool
    metrics: Mapping[str, float]
    plots: Mapping[str, bytes]
    duration_seconds: float
    replaced: RegisteredVersion | None = None

    @property
    def replaces_older_contract(self) -> bool:
        """Whether the slot held a model of an earlier feature contract."""
        return self.replaced is not None and contract_version(self.replaced) < contract_version(self.version)


class TrainingJob(NamedTuple):
    """Inputs that all slots of a training run share.

    Attributes:
        force: fit even if an equal version exists.
        run_tags: tags of each MLflow run, such as the Dagster run.
        code_revision: revision of the training code.
        dataset_address: address of the dataset's file.
        baselines: accuracies of the baselines on the hold-out, by name.
        links: pages that the description of a model links.
    """

    dataset: TrainingDataset
    info: DatasetInfo
    seed: int
    threads: int
    min_examples: int
    force: bool
    run_tags: Mapping[str, str]
    code_revision: str
    dataset_address: str
    baselines: dict[str, float]
    links: Links = Links()


def refresh_slot(
    registry: ModelRegistry, job: TrainingJob, family: Family, alias: Alias, log: Callable[[str], None]
) -> SlotOutcome:
    """Put a version trained on the job's dataset into a slot, with the configuration of the version it held.

    The alias moves last, so a run that is killed earlier changes nothing.
    """
    number = registry.aliases(family).get(alias)
    held = None if number is None else registry.version(family, number)
    chosen = configuration_of(registry, family, alias, held, job.info.contract_version, log)
    outcome = obtain_version(registry, job, alias, chosen, log)
    if number != outcome.version.version:
        registry.set_alias(family, alias, outcome.version.version)
    return outcome._replace(replaced=held)


def obtain_version(
    registry: ModelRegistry, job: TrainingJob, alias: Alias, chosen: Configuration, log: Callable[[str], None]
) -> SlotOutcome:
    """Return a registered version of a configuration, trained on the job's dataset for a slot; no alias moves.

    A version with equal examples, configuration and seed is reused unless another slot holds it. A retraining that was
    killed thus continues where it stopped.
    """
    family, held = chosen.family, registry.aliases(chosen.family)
    found = None if job.force else _reusable(registry, family, alias, held, identity_of(job, chosen))
    if found is None:
        return _fit(registry, job, alias, chosen, held.get(alias), log)
    log(f"{family}@{alias}: version {found.version} has the same examples and configuration, nothing to fit")
    return SlotOutcome(
        alias, found, chosen, fitted=False, metrics=registry.metrics(found.run_id), plots={}, duration_seconds=0.0
    )


def configuration_of(
    registry: ModelRegistry,
    family: Family,
    alias: Alias,
    held: RegisteredVersion | None,
    contract: int,
    log: Callable[[str], None],
) -> Configuration:
    """Return the configuration of the version that a slot holds.

    It is the slot's first configuration if the slot is empty, or if its model sees features of an earlier contract:
    what was found to be good for those says nothing about a model of steps.
    """
    if held is None:
        return default_configuration(family, alias)
    version = held.version
    if contract_version(held) < contract:
        log(
            f"{family}@{alias}: version {version} has feature contract {contract_version(held)}; contract {contract} "
            "starts with the slot's first configuration"
        )
        return default_configuration(family, alias)
    stored = registry.read_configuration(held.run_id)
    try:
        found = from_json(stored) if stored is not None else None
    except InvalidConfiguration as error:
        log(f"{family}@{alias}: version {version}: {error}")
        found = None
    if found is None or found.family != family:
        log(f"{family}@{alias}: version {version} has no usable configuration; using the slot's first one")
        return default_configuration(family, alias)
    return found


def contract_version(version: RegisteredVersion) -> int:
    """Return the version of the feature contract of a registered version; 2 if its tag is missing."""
    number = version.tags.get("contract", "").rpartition(" ")[2]
    return int(number) if number.isdecimal() else CONTRACT_V2.version


def new_contract_entry(family: Family, outcomes: Iterable[SlotOutcome], now: datetime) -> LedgerEntry | None:
    """Return the ledger's entry about slots whose models saw an earlier contract; None if there are none."""
    renewed = [outcome for outcome in outcomes if outcome.replaces_older_contract and outcome.replaced]
    if not renewed:
        return None
    contract = contract_version(renewed[0].version)
    taken = ", ".join(f"{outcome.alias}: {outcome.configuration.id}" for outcome in renewed)
    return LedgerEntry(
        model_type=family,
        decision="alias_reorder",
        created_at=now,
        source="training",
        alias_assignments=tuple(
            AliasAssignment(
                alias=outcome.alias,
                version=outcome.version.version,
                previous_version=outcome.replaced.version if outcome.replaced else None,
                changed=True,
            )
            for outcome in renewed
        ),
        reason=f"models of feature contract {contract} replace those of earlier contracts ({taken}); comparisons "
        "start again",
    )


def identity_of(job: TrainingJob, configuration: Configuration) -> dict[str, str]:
    """Return the tag that is equal for two fits if and only if they give the same model."""
    parts = {**_hashes(job, configuration), "seed": str(job.seed)}
    return {"identity": sha256_hex(json.dumps(parts, sort_keys=True).encode())[:16]}


def dataset_tag(fingerprint: str) -> dict[str, str]:
    """Return the tag by which people find the runs of a dataset."""
    return {"dataset": fingerprint[:12]}


def _hashes(job: TrainingJob, configuration: Configuration) -> dict[str, str]:
    return {
        "dataset_fingerprint": job.info.fingerprint,
        "configuration_digest": sha256_hex(to_json(configuration)),
        "contract_digest": job.info.contract_digest,
    }


def _reusable(
    registry: ModelRegistry, family: Family, alias: Alias, held: Mapping[Alias, str], identity: Mapping[str, str]
) -> RegisteredVersion | None:
    candidates = registry.find_versions(family, identity)
    current = [version for version in candidates if version.version == held.get(alias)]
    free = [version for version in candidates if version.version not in held.values()]
    return next(iter([*current, *free]), None)


def _fit(
    registry: ModelRegistry,
    job: TrainingJob,
    alias: Alias,
    configuration: Configuration,
    replaces: str | None,
    log: Callable[[str], None],
) -> SlotOutcome:
    family = configuration.family
    result = train(job, configuration, lambda line: log(f"{family}@{alias} {configuration.id}: {line}"))
    tags = {"target_alias": alias, **({REPLACES_TAG: replaces} if replaces else {})}
    version = registry.log_and_register(submission(job, alias, configuration, result, tags))
    log(f"{family}@{alias}: registered version {version.version} after {result.duration_seconds:.1f} s")
    return SlotOutcome(
        alias,
        version,
        configuration,
        fitted=True,
        metrics=_finite(result.metrics) | job.baselines,
        plots=result.plots,
        duration_seconds=result.duration_seconds,
    )


def train(job: TrainingJob, configuration: Configuration, log: Callable[[str], None]) -> TrainingResult:
    """Fit a configuration on the job's dataset.

    Raises:
        NotEnoughExamples: the dataset is too small.
        ParityError: the exported graph predicts other probabilities than the model.
    """
    return train_model(
        job.dataset,
        configuration,
        seed=job.seed,
        min_examples=job.min_examples,
        threads=job.threads,
        log=log,
    )


def submission(
    job: TrainingJob,
    trained_for: Alias | None,
    configuration: Configuration,
    result: TrainingResult,
    tags: Mapping[str, str],
) -> Submission:
    """Return everything to log for a trained model, and to register if it was trained for a slot.

    `tags` are added to those of the job.
    """
    hyperparameters: dict[str, Any] = msgspec.to_builtins(configuration.parameters)
    finite = _finite(result.metrics)
    return Submission(
        family=configuration.family,
        run_name=run_name(configuration, trained_for),
        description=describe_model(job.info, configuration, trained_for, finite, job.baselines, job.links),
        onnx_bytes=result.onnx_bytes,
        manifest_for=None
        if trained_for is None
        else lambda run_id: _manifest(job, trained_for, configuration, result, hyperparameters, run_id),
        parameters={
            **{name: json.dumps(value) for name, value in hyperparameters.items()},
            "algorithm": configuration.family,
            "hyperparameter_config_id": configuration.id,
            "n_features": str(job.dataset.features.shape[1]),
            "n_samples": str(len(job.dataset)),
            # Earlier rounds that a model sees; contract 3 adds those of remembered games.
            "lookback": "all" if job.dataset.contract.predicts_steps else str(len(LAGS)),
            "data_split": "time_series",
            "seed": str(result.seed),
        },
        metrics=finite | job.baselines | {"best_iteration": result.best_iteration},
        curves=result.curves,
        artifacts={
            CONFIGURATION_FILE: to_json(configuration),
            HASHES_FILE: json.dumps(
                {**_hashes(job, configuration), "model_sha256": sha256_hex(result.onnx_bytes)}, indent=2
            ).encode(),
            **result.plots,
            **{f"reports/{name}.json": _table(rows) for name, rows in result.tables.items()},
        },
        tags={
            "opponent": opponent_of(configuration.family).policy.title(),
            "model_name": REGISTERED_NAMES[configuration.family],
            "model_type": configuration.family,
            "hyperparameter_config_id": configuration.id,
            **dataset_tag(job.info.fingerprint),
            # Versions of the same dataset form a generation of a comparison.
            "dataset_fingerprint": job.info.fingerprint,
            "contract": f"{job.info.contract_name} {job.info.contract_version}",
            "code_revision": job.code_revision,
            **identity_of(job, configuration),
            **job.run_tags,
            **tags,
        },
        run_tags=_origin(job, configuration),
        dataset=LoggedDataset(
            "training/dataset", job.info.fingerprint, job.dataset_address, msgspec.json.encode(job.info).decode()
        ),
        input_example=job.dataset.features[0].tolist(),
    )


def _origin(job: TrainingJob, configuration: Configuration) -> dict[str, str]:
    """Return the tags from which MLflow shows where a run comes from."""
    commit = job.code_revision.removesuffix("-dirty")
    return {
        "mlflow.user": "Dagster",
        "mlflow.source.type": "JOB",
        "mlflow.source.name": f"models/{opponent_of(configuration.family).policy}",
        **({"mlflow.source.git.commit": commit} if re.fullmatch("[0-9a-f]{40}", commit) else {}),
    }


def _manifest(
    job: TrainingJob,
    trained_for: Alias,
    configuration: Configuration,
    result: TrainingResult,
    hyperparameters: dict[str, Any],
    run_id: str,
) -> BundleManifest:
    info = job.info
    return BundleManifest(
        family=configuration.family,
        registered_name=REGISTERED_NAMES[configuration.family],
        run_id=run_id,
        trained_for=trained_for,
        configuration_id=configuration.id,
        contract_name=info.contract_name,
        contract_version=info.contract_version,
        contract_digest=info.contract_digest,
        dataset=DatasetSummary(
            fingerprint=info.fingerprint,
            examples=info.examples,
            games=info.games,
            human_games=info.human_games,
            first_game_at=info.first_game_at,
            last_game_at=info.last_game_at,
            simulated_games=info.prior_games,
            simulated_examples=info.prior_examples,
            simulated_weight=info.prior_weight,
        ),
        hyperparameters=hyperparameters,
        metrics=_finite(result.metrics),
        seed=result.seed,
        created_at=datetime.now(UTC),
        model_sha256=sha256_hex(result.onnx_bytes),
    )


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Leave out metrics that are not finite: JSON has no NaN, and MLflow's charts fail on it."""
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}


def _table(rows: list[dict[str, Any]]) -> bytes:
    """Return rows in the JSON form that MLflow's UI displays as a table."""
    columns = list(rows[0]) if rows else []
    return json.dumps({"columns": columns, "data": [[row[column] for column in columns] for row in rows]}).encode()
