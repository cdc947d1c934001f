"""The rules do what their own tests say, and each alert tells people what it means and where to read on."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.ops.promql import REPOSITORY, RULES, rule_expressions, rules, series_named

ALERTS_PAGE = REPOSITORY / "docs" / "alerts.md"
RULES_TESTS = (RULES.with_name("rules_test.yaml"), RULES.with_name("rules_week_test.yaml"))
CONFIG = RULES.with_name("prometheus.yaml")
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is missing; apt-get install prometheus")


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROMTOOL), *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
    )


def alerts() -> dict[str, dict[str, object]]:
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def sections() -> dict[str, str]:
    """Text of each section of the page, by the anchor of its heading."""
    parts = re.split(r"^## ", ALERTS_PAGE.read_text(), flags=re.MULTILINE)[1:]
    return {part.partition("\n")[0].strip().lower().replace(" ", "-"): part.partition("\n")[2] for part in parts}


@needs_promtool
def test_the_rules_pass_their_tests() -> None:
    done = promtool("test", "rules", *RULES_TESTS)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_a_rule_that_is_wrong_fails_its_tests(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(
        RULES.read_text().replace("expr: rps_store_up == 0", "expr: rps_store_up == 2")
    )
    tests = yaml.safe_load(RULES_TESTS[0].read_text())
    tests["tests"] = [test for test in tests["tests"] if "store is down" in test["name"]]
    (tmp_path / "rules_test.yaml").write_text(yaml.safe_dump(tests))
    done = promtool("test", "rules", tmp_path / "rules_test.yaml")
    assert done.returncode != 0
    assert "RpsStoreDown" in done.stdout + done.stderr


@needs_promtool
def test_the_example_configuration_is_one_that_prometheus_takes() -> None:
    done = promtool("check", "config", CONFIG)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules())} rules found" in done.stdout


def test_every_alert_has_a_test_in_which_it_fires() -> None:
    fired = {
        case["alertname"]
        for file in RULES_TESTS
        for test in yaml.safe_load(file.read_text())["tests"]
        for case in test.get("alert_rule_test", [])
        if case.get("exp_alerts")
    }
    assert fired == set(alerts())


@pytest.mark.parametrize("name", alerts())
def test_an_alert_says_what_happened_and_where_to_read_on(name: str) -> None:
    rule = alerts()[name]
    annotations, labels = rule["annotations"], rule["labels"]
    assert isinstance(annotations, dict)
    assert isinstance(labels, dict)
    assert labels["severity"] in {"info", "warning", "critical"}
    assert all(annotations[part].endswith(".") for part in ("summary", "description"))
    anchor = f"alert-{name.lower()}"
    assert annotations["runbook_url"].endswith(f"docs/alerts.md#{anchor}")
    assert "runbook_base" in annotations["runbook_url"]
    section = sections()[anchor]
    for part in ("**Symptom.**", "**Check.**", "**Action.**"):
        assert part in section, f"{name} has no {part}"


def test_the_page_explains_no_alert_that_does_not_exist() -> None:
    assert set(sections()) == {f"alert-{name.lower()}" for name in alerts()}


def test_a_recorded_series_is_recorded_once_and_by_what_came_before() -> None:
    recorded: list[str] = []
    for rule in rules():
        read = {name for name in series_named(rule["expr"]) if name.startswith("rps:")}
        assert read <= set(recorded), f"{rule.get('record') or rule['alert']} reads {read - set(recorded)} too early"
        if "record" in rule:
            recorded.append(rule["record"])
    assert len(recorded) == len(set(recorded))


def test_the_names_are_found_in_an_expression() -> None:
    expr = 'sum by (model, up) (rate(http_requests_total{rps_x="process_a"}[5m])) / on (job) rps:games:total > up'
    assert series_named(expr) == {"http_requests_total", "rps:games:total", "up"}
    assert all(series_named(asked.expr) for asked in rule_expressions())
