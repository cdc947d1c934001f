"""Checks of a system and their findings: a verdict, a sentence, and what to do."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from rps_core.errors import RpsError, system_sentence

Verdict: TypeAlias = Literal["ok", "failed", "skipped"]
# Returns a sentence about what is right, and raises if something is wrong.
Check: TypeAlias = Callable[[], str]


class Finding(NamedTuple):
    """The result of one check.

    Attributes:
        subject: the part of the system that was checked.
        message: what was found.
        remedy: what to do about it; empty if there is nothing to do.
    """

    subject: str
    verdict: Verdict
    message: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the finding as JSON reports name its fields."""
        return {"what": self.subject, "verdict": self.verdict, "said": self.message, "todo": self.remedy}


class NotAsExpected(RpsError):
    """A check failed; `remedy` says what to do."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class NotApplicable(RpsError):
    """There is nothing to check; the message says why."""


def run_check(subject: str, check: Check) -> Finding:
    """Run one check; an error of the product or of the system becomes a failed finding."""
    try:
        return Finding(subject, "ok", check())
    except NotApplicable as error:
        return Finding(subject, "skipped", str(error))
    except NotAsExpected as error:
        return Finding(subject, "failed", str(error), error.remedy)
    except RpsError as error:
        return Finding(subject, "failed", str(error))
    except OSError as error:
        return Finding(subject, "failed", system_sentence(error))


def run_all(checks: Iterable[tuple[str, Check]]) -> list[Finding]:
    """Run all checks, also after one has failed."""
    return [run_check(subject, check) for subject, check in checks]


def run_until_failed(checks: Iterable[tuple[str, Check]]) -> Iterator[Finding]:
    """Run checks one after the other and stop after the first that fails."""
    for subject, check in checks:
        finding = run_check(subject, check)
        yield finding
        if finding.verdict == "failed":
            return


def has_failed(findings: Iterable[Finding]) -> bool:
    """Return whether a check failed."""
    return any(finding.verdict == "failed" for finding in findings)


def render(findings: Sequence[Finding]) -> str:
    """Return findings as a table for people, with what to do below each."""
    width = max((len(finding.subject) for finding in findings), default=0)
    lines = []
    for finding in findings:
        first, *rest = finding.message.splitlines() or [""]
        remedy = [f"-> {finding.remedy}"] if finding.remedy else []
        lines.append(f"{finding.verdict:<8} {finding.subject:<{width}}  {first}".rstrip())
        lines += [f"{'':<8} {'':<{width}}  {line}" for line in (*rest, *remedy)]
    failed = sum(finding.verdict == "failed" for finding in findings)
    return "\n".join([*lines, f"{failed} of {len(findings)} failed" if failed else "everything is as it should be"])


def as_dict(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return findings for programs."""
    return {"ok": not has_failed(findings), "findings": [finding.as_dict() for finding in findings]}
