"""Helpers to read the report of an import."""

from collections.abc import Mapping

from rps_cli.importers import ImportReport
from rps_cli.importers.report import Tally


def counted(section: Mapping[str, Tally]) -> dict[str, int]:
    """Return the counts of a section by subject."""
    return {subject: tally.count for subject, tally in section.items()}


def only_rejection(report: ImportReport) -> str:
    """Return the only reason why something was skipped, with its examples; nothing was imported."""
    assert report.imported == {}
    ((reason, tally),) = report.skipped.items()
    return f"{reason} {tally.examples}"
