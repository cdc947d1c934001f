"""Prometheus series of this process, in a registry of the application without global state.

They cover what only the process knows: HTTP, loaded models, reported trainings. Everything that can be counted in the
store is in `rps_api.metrics.collector`, so that it survives a restart.
"""

from collections import deque
from collections.abc import Iterable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from rps_api.inference.model import LoadedModel
from rps_api.inference.served_models import ServedModels
from rps_core.game.families import FAMILIES, Family, Slot
from rps_core.settings import PlaySettings

TRAINING_BUCKETS_SECONDS = (10, 30, 60, 120, 300, 600, 1800, 3600)
REQUEST_BUCKETS_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
# The metric in a manifest that live accuracy is compared with.
HOLDOUT_ACCURACY = "test_accuracy"
LOAD_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15)
# Each retraining adds twelve versions, and each version fourteen lines per scrape.
MAX_TIMED_VERSIONS = 48


class ServiceMetrics:
    """The series of one application; receives loads as a `LoadObserver`."""

    def __init__(self, play: PlaySettings) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        counter, histogram = partial(Counter, registry=self.registry), partial(Histogram, registry=self.registry)
        self._requests = counter(
            "http_requests", "Answered requests, by route template and status class.", ["handler", "method", "status"]
        )
        self._request_seconds = histogram(
            "http_request_duration_seconds",
            "Time from the request to the end of its response.",
            ["handler", "method"],
            buckets=REQUEST_BUCKETS_SECONDS,
        )
        self._response_bytes = Summary(
            "http_response_size_bytes", "Size of the response bodies in bytes.", ["handler"], registry=self.registry
        )
        # Looking up a series by its labels takes longer than counting, so each is looked up once.
        self._request_series: dict[tuple[str, str, int], tuple[Counter, Histogram, Summary]] = {}
        self._load_failures = counter("rps_model_load_failures", "Failed loads of slots.", ["model"])
        self._load_seconds = histogram(
            "rps_model_load_seconds",
            "Time to read and open a model.",
            ["model", "version"],
            buckets=LOAD_BUCKETS_SECONDS,
        )
        self._timed_versions: deque[tuple[str, str]] = deque()
        self._trainings = counter(
            "rps_training_completed", "Finished trainings, by reported status.", ["model_type", "status"]
        )
        self._training_seconds = histogram(
            "rps_training_duration_seconds",
            "Duration of finished trainings that reported one.",
            ["model_type"],
            buckets=TRAINING_BUCKETS_SECONDS,
        )
        self._captured = counter(
            "rps_inference_captured_rounds", "Rounds of the inference capture, by outcome.", ["outcome"]
        )
        self._start(play)

    def request_answered(self, handler: str, method: str, status: int, seconds: float, body_bytes: int) -> None:
        """Count one answered request; `handler` is the route template, so that ids do not create series."""
        key = (handler, method, status // 100)
        series = self._request_series.get(key)
        if series is None:
            series = self._request_series[key] = (
                self._requests.labels(handler, method, f"{status // 100}xx"),
                self._request_seconds.labels(handler, method),
                self._response_bytes.labels(handler),
            )
        requests, duration, size = series
        requests.inc()
        duration.observe(seconds)
        size.observe(body_bytes)

    def counter_totals(self) -> dict[str, float]:
        """Return each counter of the registry, summed over its labels."""
        return {
            f"{family.name}_total": sum(sample.value for sample in family.samples if sample.name.endswith("_total"))
            for family in self.registry.collect()
            if family.type == "counter"
        }

    def loaded(self, model: LoadedModel, seconds: float) -> None:
        """Record a load; only the latest versions keep their series."""
        labels = (model.family, model.identity.version)
        self._load_seconds.labels(*labels).observe(seconds)
        if labels not in self._timed_versions:
            self._timed_versions.append(labels)
        if len(self._timed_versions) > MAX_TIMED_VERSIONS:
            self._load_seconds.remove(*self._timed_versions.popleft())

    def load_failed(self, slot: Slot, reason: str) -> None:  # noqa: ARG002 - GET /models shows the reason
        """Record a failed load."""
        self._load_failures.labels(slot.family).inc()

    def training_completed(self, family: Family, status: str, duration_seconds: float | None) -> None:
        """Record a finished training."""
        self._trainings.labels(family, status).inc()
        if duration_seconds is not None:
            self._training_seconds.labels(family).observe(duration_seconds)

    def rounds_captured(self, outcome: str, count: int) -> None:
        """Count rounds of the inference capture."""
        self._captured.labels(outcome).inc(count)

    def _start(self, play: PlaySettings) -> None:
        enabled = Gauge(
            "rps_ab_enabled", "1 if games are split between Production and B, otherwise 0.", registry=self.registry
        )
        enabled.set(int(play.enable_ab_testing))
        ratio = Gauge("rps_ab_split_ratio", "Share of games that Production plays, 0 to 1.", registry=self.registry)
        ratio.set(play.ab_split_ratio)
        # A rate over a series that appears with its first event misses that event.
        for outcome in ("written", "dropped", "failed"):
            self._captured.labels(outcome)
        for family in FAMILIES:
            self._load_failures.labels(family)
            for status in ("success", "failure"):
                self._trainings.labels(family, status)


class ServedModelsCollector(Collector):
    """The served version of each slot, read at each scrape so that it is never stale."""

    def __init__(self, served: ServedModels) -> None:
        self._served = served

    def collect(self) -> Iterable[Metric]:
        """Yield the gauges."""
        info = GaugeMetricFamily(
            "rps_model_loaded_info",
            "1 for the version that each slot serves.",
            labels=["model", "version", "stage", "alias"],
        )
        accuracy = GaugeMetricFamily(
            "rps_model_holdout_accuracy",
            "Accuracy of the served version on its hold-out, 0 to 1.",
            labels=["model", "alias"],
        )
        created = GaugeMetricFamily(
            "rps_model_created_timestamp_seconds",
            "Training time of the served version, in seconds since 1970.",
            labels=["model", "alias"],
        )
        for slot, model in self._served.snapshot.slots.items():
            info.add_metric([slot.family, model.identity.version, slot.alias, slot.alias], 1.0)
            created.add_metric([slot.family, slot.alias], model.manifest.created_at.timestamp())
            # Models from elsewhere may lack it.
            if HOLDOUT_ACCURACY in model.manifest.metrics:
                accuracy.add_metric([slot.family, slot.alias], model.manifest.metrics[HOLDOUT_ACCURACY])
        up = GaugeMetricFamily(
            "rps_model_cache_up", "1 if the model cache answers in time with a readable index, otherwise 0."
        )
        up.add_metric([], 0.0 if self._served.cache_problem() else 1.0)
        yield from (info, accuracy, created, up)
