"""Samples of the API's metrics, read so that two scrapes can be compared."""

from typing import TypeAlias

from rps_core.api_client import ApiClient

# Name and labels of a sample, the labels sorted by name.
SampleKey: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
Samples: TypeAlias = dict[SampleKey, float]


def sample_key(name: str, /, **labels: str) -> SampleKey:
    """Return the key of a sample."""
    return name, tuple(sorted(labels.items()))


def scrape(api: ApiClient) -> Samples:
    """Return the samples that Prometheus would scrape now.

    Raises:
        ApiError: no answer, or a refusal.
    """
    return read_samples(api.metrics_text())


def read_samples(text: str) -> Samples:
    """Read Prometheus' text format."""
    from prometheus_client.parser import text_string_to_metric_families

    families = text_string_to_metric_families(text)
    return {sample_key(sample.name, **sample.labels): sample.value for family in families for sample in family.samples}
