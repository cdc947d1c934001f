"""Steps as pods: how large the heavy ones are, and the executor that gives each step a pod of its own.

The sizes hang on the assets as op tags. Tags of a job are lost where somebody materialises assets by hand and in
backfills (dagster issues 26720, 22865, 33430). Without step pods they are not read: a run is then one pod, of the
size that the run launcher gives it.
"""

from typing import Any

import dagster as dg

from rps_core.errors import SettingsError
from rps_core.settings import Settings

CONFIG_TAG = "dagster-k8s/config"


def _size(*, cpu: str, memory: str, memory_limit: str) -> dict[str, Any]:
    # No limit of the processor: a fit that is throttled holds the pool, and all who wait for it, longer.
    resources = {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory_limit}}
    return {CONFIG_TAG: {"container_config": {"resources": resources}}}


# A fit of one family takes some 600 MB with its libraries; JAX compiles with a second core where there is one.
FIT = _size(cpu="1", memory="1Gi", memory_limit="2Gi")


def build_executor(settings: Settings) -> dg.ExecutorDefinition:
    """Return the executor of all jobs: steps in the run's own process, or in pods where RPS_STEP_PODS says so.

    Raises:
        SettingsError: step pods are asked for where dagster-k8s is not installed.
    """
    if not settings.training.step_pods:
        # A process a step costs more than most of these steps.
        return dg.in_process_executor
    try:
        from dagster_k8s import k8s_job_executor
    except ImportError as error:
        raise SettingsError("RPS_STEP_PODS needs dagster-k8s; install rps-quest[k8s]") from error
    # One at a time: the pool counts runs, and steps of one run write the same registry. Owner references remove the
    # pods of a run that is deleted.
    executor: dg.ExecutorDefinition = k8s_job_executor.configured(
        {"max_concurrent": 1, "enable_owner_references": True}
    )
    return executor
