"""Steps as pods: the size of the heavy steps, and the executor that runs each step in a separate pod.

The sizes are op tags of the assets, because materialising by hand and backfills lose the tags of a job (dagster issues
26720, 22865, 33430). Without step pods nothing reads them: a run is then one pod, and the run launcher sets its size.
"""

from typing import Any

import dagster as dg

from rps_core.errors import SettingsError
from rps_core.settings import Settings

CONFIG_TAG = "dagster-k8s/config"


def _size(*, cpu: str, memory: str, memory_limit: str) -> dict[str, Any]:
    # No processor limit: a throttled fit would occupy the pool for longer, while other runs wait for it.
    resources = {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory_limit}}
    return {CONFIG_TAG: {"container_config": {"resources": resources}}}


# A fit of one family takes about 600 MB with its libraries; JAX compiles on a second core if there is one.
FIT = _size(cpu="1", memory="1Gi", memory_limit="2Gi")


def build_executor(settings: Settings) -> dg.ExecutorDefinition:
    """Return the executor of all jobs: steps run in the process of the run, or in pods if RPS_STEP_PODS is set.

    Raises:
        SettingsError: RPS_STEP_PODS is set but dagster-k8s is not installed.
    """
    if not settings.training.step_pods:
        # Starting a process costs more than most of these steps.
        return dg.in_process_executor
    try:
        from dagster_k8s import k8s_job_executor
    except ImportError as error:
        raise SettingsError("RPS_STEP_PODS needs dagster-k8s; install rps-quest[k8s]") from error
    # One step at a time, because the steps of a run write the same registry and the pool counts runs only. Owner
    # references remove the pods of a deleted run.
    executor: dg.ExecutorDefinition = k8s_job_executor.configured(
        {"max_concurrent": 1, "enable_owner_references": True}
    )
    return executor
