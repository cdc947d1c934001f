"""What a look at something came to: a sentence, a verdict, and what to do."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from rps_core.errors import RpsError

Verdict: TypeAlias = Literal["ok", "failed", "skipped"]
Look: TypeAlias = Callable[[], str]


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        said: what was found.
        todo: what to do about it; empty where nothing is to be done.
    """

    what: str
    verdict: Verdict
    said: str
    todo: str = ""


class NotAsExpected(RpsError):
    """Something is not as it should be; `todo` says what to do."""

    def __init__(self, said: str, todo: str = "") -> None:
        super().__init__(said)
        self.todo = todo


class NotApplicable(RpsError):
    """There is nothing to look at here, and the message says why."""


def look(what: str, at: Look) -> Finding:
    """Look at one thing; whatever the product raises on purpose is a finding."""
    try:
        return Finding(what, "ok", at())
    except NotApplicable as reason:
        return Finding(what, "skipped", str(reason))
    except NotAsExpected as fault:
        return Finding(what, "failed", str(fault), fault.todo)
    except RpsError as error:
        return Finding(what, "failed", str(error))


def look_at_all(steps: Iterable[tuple[str, Look]]) -> list[Finding]:
    """Look at everything, whatever fails."""
    return [look(what, at) for what, at in steps]


def look_until_failed(steps: Iterable[tuple[str, Look]]) -> Iterator[Finding]:
    """Look at one thing after the other; the first that failed is the last."""
    for what, at in steps:
        finding = look(what, at)
        yield finding
        if finding.verdict == "failed":
            return


def has_failed(findings: Iterable[Finding]) -> bool:
    """Return whether something is wrong."""
    return any(finding.verdict == "failed" for finding in findings)


def render(findings: Sequence[Finding]) -> str:
    """Return findings as a table for people, what to do below each."""
    width = max((len(finding.what) for finding in findings), default=0)
    lines = []
    for finding in findings:
        first, *rest = finding.said.splitlines() or [""]
        lines.append(f"{finding.verdict:<8} {finding.what:<{width}}  {first}".rstrip())
        lines += [f"{'':<8} {'':<{width}}  {line}" for line in (*rest, *_todo(finding))]
    failed = sum(finding.verdict == "failed" for finding in findings)
    return "\n".join([*lines, f"{failed} of {len(findings)} failed" if failed else "everything is as it should be"])


def _todo(finding: Finding) -> tuple[str, ...]:
    return (f"-> {finding.todo}",) if finding.todo else ()


def as_dict(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return findings for programs."""
    return {"ok": not has_failed(findings), "findings": [finding._asdict() for finding in findings]}
