"""`monitor autoscale`: the commands of the published script, kept beside the deployment and shown again."""

from pathlib import Path

import pytest

from teal.cli.autoscale_rules import build_profile, build_rule, parse_target
from tests.harness.arm import WORKSPACE, Arm
from tests.unit.cli.conftest import Teal

DEPLOYMENT = f"{WORKSPACE}/onlineEndpoints/e/deployments/blue"
AUTOSCALE = ("monitor", "autoscale")


@pytest.fixture
def blue(arm: Arm, teal: Teal, tmp_path: Path) -> Arm:
    (tmp_path / "blue.yml").write_text("name: blue\nendpoint_name: e\nmodel: azureml:m:1\ninstance_count: 1\n")
    assert teal("online-endpoint", "create", "--name", "e").status == 0
    assert teal("online-deployment", "create", "-f", "blue.yml").status == 0
    return arm


@pytest.fixture
def setting(blue: Arm, teal: Teal) -> Arm:
    words = ("create", "-n", "a", "--resource", DEPLOYMENT, "--min-count", "2", "--max-count", "5", "--count", "2")
    made = teal(*AUTOSCALE, *words)
    assert made.status == 0
    assert "nothing acts on autoscale settings yet" in made.err
    return blue


def test_a_setting_is_kept_with_its_deployment(setting: Arm, teal: Teal) -> None:
    kept = setting.resources[DEPLOYMENT]["properties"]["autoscale"]
    assert (kept["name"], kept["targetResourceUri"]) == ("a", DEPLOYMENT)
    shown = teal(*AUTOSCALE, "show", "--name", "a").json
    assert shown["profiles"][0]["capacity"] == {"default": "2", "maximum": "5", "minimum": "2"}
    assert shown["id"].endswith("/providers/microsoft.insights/autoscalesettings/a")
    assert teal(*AUTOSCALE, "list", "--query", "[].name", "-o", "tsv").out == "a\n"


def test_rules_and_profiles_are_added_and_deleted(setting: Arm, teal: Teal) -> None:
    rule = (*AUTOSCALE, "rule")
    made = teal(*rule, "create", "--autoscale-name", "a", "--condition", "Cpu > 70 avg 5m", "--scale", "out", "2").json
    assert made["metricTrigger"]["threshold"] == 70.0
    assert made["scaleAction"] == {"cooldown": "PT5M", "direction": "Increase", "type": "ChangeCount", "value": "2"}
    teal(*rule, "create", "--autoscale-name", "a", "--condition", "Cpu < 25 avg 5m", "--scale", "in", "1")
    teal(*rule, "delete", "--autoscale-name", "a", "--index", "0")
    assert [each["scaleAction"]["direction"] for each in teal(*rule, "list", "--autoscale-name", "a").json] == [
        "Decrease"
    ]

    profile = (*AUTOSCALE, "profile")
    days = ("--recurrence", "week", "sat", "sun", "--timezone", "Pacific Standard Time")
    weekend = teal(*profile, "create", "-n", "weekend", "--autoscale-name", "a", "--count", "2", *days).json
    assert weekend["recurrence"]["schedule"]["days"] == ["Saturday", "Sunday"]
    names = (*profile, "list", "--autoscale-name", "a", "--query", "[].name", "-o", "tsv")
    assert teal(*names).out.split() == ["default", "weekend"]
    assert teal(*profile, "show", "--autoscale-name", "a", "-n", "weekend").json == weekend
    assert teal(*profile, "delete", "--autoscale-name", "a", "-n", "weekend").status == 0
    assert teal(*names).out.split() == ["default"]
    assert teal(*rule, "delete", "--autoscale-name", "a", "--index", "*").status == 0
    assert teal(*rule, "list", "--autoscale-name", "a").json == []


def test_a_setting_is_switched_off_and_deleted(setting: Arm, teal: Teal) -> None:
    updated = teal(*AUTOSCALE, "update", "-n", "a", "--enabled", "false", "--max-count", "9").json
    assert (updated["enabled"], updated["profiles"][0]["capacity"]["maximum"]) == (False, "9")
    assert teal(*AUTOSCALE, "delete", "-n", "a").status == 0
    assert teal(*AUTOSCALE, "list").json == []
    assert teal(*AUTOSCALE, "show", "-n", "a").status == 3
    assert teal(*AUTOSCALE, "delete", "-n", "a").status == 3


def test_a_deployment_has_one_setting(setting: Arm, teal: Teal) -> None:
    said = teal(*AUTOSCALE, "create", "-n", "b", "--resource", DEPLOYMENT, "--count", "1")
    assert said.status == 1
    assert "`teal monitor autoscale delete --name a`" in said.err


def test_somebody_elses_change_in_between_is_not_lost(
    setting: Arm, teal: Teal, monkeypatch: pytest.MonkeyPatch
) -> None:
    from teal.sdk.operations.deployments import OnlineDeploymentOperations

    read, others = OnlineDeploymentOperations.get_autoscale, iter(["theirs"])

    def read_slowly(self: OnlineDeploymentOperations, name: str, endpoint_name: str):  # type: ignore[no-untyped-def]
        seen = read(self, name, endpoint_name)
        for profile in others:
            mine = build_profile(profile, count=1, recurrence=["week", "mon"])
            kept, _ = read(self, name, endpoint_name)
            assert kept is not None
            self.set_autoscale(name, endpoint_name, {**kept, "profiles": [*kept["profiles"], mine]})
        return seen

    monkeypatch.setattr(OnlineDeploymentOperations, "get_autoscale", read_slowly)
    teal(
        *AUTOSCALE,
        "profile",
        "create",
        "-n",
        "ours",
        "--autoscale-name",
        "a",
        "--count",
        "1",
        "--recurrence",
        "week",
        "tue",
    )
    kept = setting.resources[DEPLOYMENT]["properties"]["autoscale"]
    assert [each["name"] for each in kept["profiles"]] == ["default", "theirs", "ours"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("create", "-n", "b", "--resource", f"{WORKSPACE}/onlineEndpoints/e", "--count", "1"), "id of a deployment"),
        (("create", "-n", "a", "--resource", DEPLOYMENT, "--count", "1", "--min-count", "3"), "in that order"),
        (("rule", "create", "--autoscale-name", "a", "--condition", "busy", "--scale", "out", "1"), "reads like"),
        (("rule", "create", "--autoscale-name", "a", "--condition", "C > 1 avg 5x", "--scale", "out", "1"), "5m"),
        (("rule", "create", "--autoscale-name", "a", "--condition", "C > 1 avg 5m", "--scale", "up"), "out 2"),
        (("rule", "delete", "--autoscale-name", "a", "--index", "7"), "--index"),
        (("profile", "create", "-n", "x", "--autoscale-name", "a", "--count", "1"), "--recurrence"),
        (("profile", "create", "-n", "x", "--autoscale-name", "a", "--count", "1", "-r", "day", "x"), "week sat sun"),
        (("profile", "create", "-n", "x", "--autoscale-name", "a", "--count", "1", "--start", "2026-01-01"), "--end"),
        (("profile", "show", "-n", "none", "--autoscale-name", "a"), "There is: default"),
        (("profile", "delete", "-n", "default", "--autoscale-name", "a"), "cannot be deleted"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(
    setting: Arm, teal: Teal, words: tuple[str, ...], says: str
) -> None:
    said = teal(*AUTOSCALE, *words)
    assert said.status == 1
    assert says in said.err


def test_a_rule_with_everything() -> None:
    rule = build_rule(
        '"Ns" Requests >= 1.5 total 1h30m where deployment == blue or green and code != 200',
        ["to", "5"],
        cooldown_min=1,
        timegrain="max 10m",
        resource="r",
    )
    trigger = rule["metricTrigger"]
    assert (trigger["metricNamespace"], trigger["metricName"], trigger["timeWindow"]) == ("Ns", "Requests", "PT1H30M")
    assert (trigger["statistic"], trigger["timeGrain"]) == ("Maximum", "PT10M")
    assert [each["values"] for each in trigger["dimensions"]] == [["blue", "green"], ["200"]]
    assert rule["scaleAction"]["type"] == "ExactCount"
    percent = build_rule("C > 1 avg 5m", ["out", "20%"], cooldown_min=5, timegrain="", resource="r")
    assert (percent["scaleAction"]["type"], percent["scaleAction"]["value"]) == ("PercentChangeCount", "20")


def test_the_target_is_read_from_an_id_in_any_case() -> None:
    target = parse_target(DEPLOYMENT.upper())
    assert (target.endpoint, target.deployment) == ("e", "blue")
