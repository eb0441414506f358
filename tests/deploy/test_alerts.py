"""Alert rules, dashboard, runbook, alarm codes and metrics fit together, and each rule fires."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from followup.context import AppContext
from followup.monitoring.message_balance import balance
from followup.monitoring.metrics import SweepMetrics, collect_metrics
from followup.settings.settings import Settings
from followup.web.metrics import exposition
from tests.web.conftest import served

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana" / "followup.json").read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = yaml.safe_load(
    (DEPLOY / "prometheus" / "followup.rules.yml").read_text(encoding="utf-8")
)["groups"][0]["rules"]
SCALING = yaml.safe_load((DEPLOY / "kubernetes" / "scaling.yaml").read_text(encoding="utf-8"))
GIVEN_BY_PROMETHEUS = {"up": {"job"}, "ALERTS": {"alertname", "alertstate"}}

SELECTOR = re.compile(r"\b(followup_\w+|up|ALERTS)\b(?:\{([^}]*)\})?")


def queries() -> list[str]:
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    notes = [each["expr"] for each in DASHBOARD["annotations"]["list"]]
    workers = [each["metadata"]["query"] for each in SCALING["spec"]["triggers"]]
    return [*(rule["expr"] for rule in RULES), *panels, *notes, *workers]


def labels_told(app: AppContext) -> Mapping[str, set[str]]:
    """Return what /metrics has when there is something to tell of everything."""
    age = timedelta(seconds=1)
    figures = replace(
        collect_metrics(app),
        alarms=["broker-away"],
        heartbeats={("web", "here:1"): age},
        second_account={"sms": age},
        sweeps=[SweepMetrics(name="dispatch", age=age, limit=age, found=0, failures=0)],
        switches=[("all", "")],
        worklist={("reply", 1): 1},
        returned_mails={"taken": 1},
    )
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(exposition(figures, balance(app)).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_what_rules_and_panels_ask_for_is_told_by_a_web_process(sqlite_app: AppContext):
    # Prometheus puts a label of its own in the place of our `instance`.
    known = {
        name: {"exported_instance" if label == "instance" else label for label in labels}
        for name, labels in labels_told(sqlite_app).items()
    } | GIVEN_BY_PROMETHEUS
    with served(sqlite_app) as client:
        served_names = set(re.findall(r"^# TYPE (\w+)", client.get("/metrics").text, re.MULTILINE))

    assert served_names == known.keys() - GIVEN_BY_PROMETHEUS
    for query in queries():
        selected = SELECTOR.findall(query)
        assert selected, query
        grouped = {
            label.strip()
            for inside in re.findall(r"\b(?:by|on) \(([^)]*)\)", query)
            for label in inside.split(",")
        }
        for name, chosen in selected:
            assert name in known, query
            assert set(re.findall(r"(\w+)\s*[=!]", chosen)) <= known[name], query
        assert grouped <= set().union(*(known[name] for name, _ in selected)), query


def test_every_alarm_has_an_alert_and_every_alert_a_section_that_begins_with_what_it_says():
    guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    alarms = re.findall(
        r"^\| `([^`]+)` \|",
        guide.split("## What each alarm means")[1].split("\n## ")[0],
        re.MULTILINE,
    )
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", runbook, re.MULTILINE | re.DOTALL))

    assert sorted(
        rule["labels"].get("alarm", "") for rule in RULES if "alarm" in rule["labels"]
    ) == (sorted(alarms))
    assert [rule["alert"] for rule in RULES] == [*sections]
    for rule in RULES:
        words = " ".join(sections[rule["alert"]].split())
        assert f"**First.** {rule['annotations']['description']}" in words
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
        assert words.startswith(
            f"`{rule['labels']['alarm']}`, {rule['labels']['severity']}."
            if "alarm" in rule["labels"]
            else f"{rule['labels']['severity']}."
        )


@pytest.mark.parametrize(
    ("alert", "setting"),
    [
        ("FollowupMessagesLate", "alert_late"),
        ("FollowupFeedWaiting", "alert_late"),
        ("FollowupProcessSilent", "alert_silent"),
    ],
)
def test_a_rule_has_the_limit_that_the_product_has_by_default(alert: str, setting: str):
    [rule] = [each for each in RULES if each["alert"] == alert]

    assert float(rule["expr"].split(">")[-1]) == Settings.model_fields[setting].default


def test_each_rule_fires_on_what_it_is_for_and_none_on_a_service_that_does_its_work():
    program = shutil.which("promtool")
    assert program, "promtool is missing: .ci/run installs it, in the package prometheus"

    judged = subprocess.run(
        [program, "test", "rules", "followup.rules.test.yml"],
        cwd=DEPLOY / "prometheus",
        capture_output=True,
        text=True,
        check=False,
    )

    assert judged.returncode == 0, judged.stdout + judged.stderr
    tested = (DEPLOY / "prometheus" / "followup.rules.test.yml").read_text(encoding="utf-8")
    assert {rule["alert"] for rule in RULES} == set(re.findall(r'alertname="(\w+)"', tested))
