"""Alerts about failures: always in the sensor's log, and at a webhook if one is configured."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import dagster as dg
import msgspec

from rps_core.http_clients import HttpSetupError, http_client
from rps_core.settings import OperationsSettings

TIMEOUT_SECONDS = 10.0
ATTEMPTS = 2
LONGEST_TEXT = 2_000


class Alert(NamedTuple):
    """One failure: `text` is a sentence for people, `url` the page to open."""

    kind: str
    subject: str
    text: str
    url: str

    def as_json(self) -> dict[str, str]:
        """Return the body of the webhook; Slack, Mattermost and Google Chat show only `text`."""
        message = f"{self.text[:LONGEST_TEXT]} {self.url}"
        return {"text": message, "kind": self.kind, "subject": self.subject, "url": self.url}


class CheckState(NamedTuple):
    """The newest evaluation of a check.

    Attributes:
        number: increases with each evaluation in the instance.
        passed: None while the check is running or if it was never evaluated.
    """

    name: str
    number: int
    passed: bool | None
    severity: str = ""
    message: str = ""


class CheckCursor(msgspec.Struct, frozen=True):
    """The cursor of the check sensor: the newest evaluation it has seen, and the checks that are failing."""

    number: int = 0
    failing: tuple[str, ...] = ()


def plan_check_alerts(states: Iterable[CheckState], seen: CheckCursor | None) -> tuple[list[CheckState], CheckCursor]:
    """Return the checks that began to fail since the last tick, and the next cursor.

    A check that keeps failing causes one alert. The first tick causes none, because the failures are older than it.
    """
    known, failing = seen or CheckCursor(), set((seen or CheckCursor()).failing)
    newest, began = known.number, list[CheckState]()
    for state in states:
        if state.passed is None or state.number <= known.number:
            continue
        newest = max(newest, state.number)
        if state.passed:
            failing.discard(state.name)
        elif state.name not in failing:
            failing.add(state.name)
            began.append(state)
    return ([] if seen is None else began), CheckCursor(newest, tuple(sorted(failing)))


def send(alert: Alert, operations: OperationsSettings, log: Callable[[str], None]) -> bool:
    """Log an alert and post it to the webhook, if one is configured; return whether the webhook accepted it.

    If the webhook does not answer, only the log says so: an alert must never break the sensor that sends it.
    """
    import httpx

    log(f"{alert.subject}: {alert.text}")
    if operations.alert_webhook_url is None:
        return False
    fault, url = "", operations.alert_webhook_url.get_secret_value()
    for _ in range(ATTEMPTS):
        try:
            with http_client(url, timeout=TIMEOUT_SECONDS) as client:
                client.post(url, json=alert.as_json()).raise_for_status()
        except httpx.HTTPStatusError as error:
            # Without the message of httpx, which contains the address: it is a secret.
            fault = f"answered {error.response.status_code}"
        except HttpSetupError as error:
            fault = f"cannot be called: {error}"
        except Exception as error:  # noqa: BLE001 - the sensor must survive an address that no library expects
            fault = f"got no answer ({type(error).__name__})"
        else:
            return True
    log(f"the webhook of RPS_ALERT_WEBHOOK_URL {fault}; this alert is only in the log")
    return False


def check_states(instance: dg.DagsterInstance, checks: Iterable[dg.AssetCheckKey]) -> list[CheckState]:
    """Read the newest evaluation of each check."""
    summaries: Mapping[dg.AssetCheckKey, Any] = instance.event_log_storage.get_asset_check_summary_records(list(checks))
    return [_state(key, summary.last_check_execution_record) for key, summary in summaries.items()]


def _state(key: dg.AssetCheckKey, record: Any) -> CheckState:
    evaluation = record.evaluation if record is not None else None
    # While a check runs, its record holds the plan of the evaluation.
    if not isinstance(evaluation, dg.AssetCheckEvaluation):
        return CheckState(key.name, 0, None)
    shown = {name: value.value for name, value in evaluation.metadata.items() if name in {"expected", "found"}}
    message = evaluation.description or "; ".join(f"{name} {value}" for name, value in shown.items())
    return CheckState(key.name, record.id, evaluation.passed, evaluation.severity.value, message)
