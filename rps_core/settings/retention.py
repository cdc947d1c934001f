"""How long runs, versions and datasets are kept."""

from typing import ClassVar

from rps_core.settings.section import MAX_COUNT, MAX_DAYS, Section, setting


class RetentionSettings(Section):
    """How long runs, versions and datasets are kept; `maintenance/retention` applies it every day."""

    title: ClassVar[str] = "Retention"

    keep_runs_days: int = setting(
        "RPS_KEEP_RUNS_DAYS",
        14,
        "Days that finished Dagster runs are kept, with their events and logs; 0 keeps them for ever.",
        ge=0,
        le=MAX_DAYS,
    )
    keep_versions_days: int = setting(
        "RPS_KEEP_VERSIONS_DAYS",
        30,
        "Days that MLflow keeps training runs and versions that no alias, game or ledger entry names; 0 keeps all.",
        ge=0,
        le=MAX_DAYS,
    )
    keep_listed_versions_days: int = setting(
        "RPS_KEEP_LISTED_VERSIONS_DAYS",
        0,
        "Days that a ledger entry which changed no slot protects the versions it lists; 0 protects them for ever.",
        ge=0,
        le=MAX_DAYS,
    )
    keep_datasets: int = setting(
        "RPS_KEEP_DATASETS", 20, "Newest training datasets to keep, besides those of cached models.", ge=1, le=MAX_COUNT
    )
