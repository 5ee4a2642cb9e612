"""Rules of deployments: what is refused, and what needs new instances."""

from dataclasses import replace
from typing import Any

import pytest

from teal.domain.deployments import DeploymentSpec, RequestSettings, check_deployment, revision_of
from teal.domain.errors import InvalidInput
from teal.domain.probes import ProbeSettings
from tests.harness.passes import deployment_spec


def test_a_plain_deployment_is_accepted() -> None:
    check_deployment(deployment_spec())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"instance_count": 0}, "from 1 to 1000"),
        ({"instance_count": 1001}, "from 1 to 1000"),
        ({"request_settings": RequestSettings(request_timeout_ms=0)}, "from 1 to 180000"),
        ({"request_settings": RequestSettings(request_timeout_ms=180_001)}, "from 1 to 180000"),
        ({"request_settings": RequestSettings(max_concurrent_requests_per_instance=0)}, "from 1 to 100000"),
        ({"request_settings": RequestSettings(max_concurrent_requests_per_instance=2**31)}, "from 1 to 100000"),
        ({"liveness_probe": ProbeSettings(success_threshold=2)}, "can only be 1"),
        ({"scale_settings": {"scaleType": "TargetUtilization"}}, "scale by instance_count"),
        ({"scoring_script": None}, "needs both"),
        ({"code_id": None}, "needs both"),
        ({"code_id": None, "scoring_script": None}, "without a scoring script"),
        ({"environment": None}, "needs an environment"),
        ({"compute_type": "Kubernetes"}, "no Kubernetes backend"),
    ],
)
def test_what_is_out_of_range_is_refused_in_words(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        check_deployment(deployment_spec(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "azureml:m:2"},
        {"code_id": "azureml:c:2"},
        {"scoring_script": "other.py"},
        {"environment": "azureml:e:2"},
        {"environment_variables": {"A": "1"}},
        {"instance_type": "Standard_DS3_v2"},
        {"request_settings": RequestSettings(max_concurrent_requests_per_instance=2)},
    ],
)
def test_a_change_inside_the_instance_makes_a_new_revision(changes: dict[str, Any]) -> None:
    assert revision_of(deployment_spec(**changes)) != revision_of(deployment_spec())


@pytest.mark.parametrize(
    "changes",
    [
        {"instance_count": 5},
        {"tags": {"a": "b"}},
        {"description": "new"},
        {"readiness_probe": ProbeSettings(period_s=1)},
        {"instance_type": "STANDARD_F4S_V2"},
    ],
)
def test_a_change_around_the_instance_keeps_the_revision(changes: dict[str, Any]) -> None:
    assert revision_of(deployment_spec(**changes)) == revision_of(deployment_spec())


def test_defaults_are_those_of_the_service() -> None:
    spec = DeploymentSpec()
    assert (spec.instance_type, spec.request_settings.request_timeout_ms) == ("Standard_F4s_v2", 5000)
    assert spec.request_settings.max_concurrent_requests_per_instance == 1
    assert replace(spec) == spec


def test_a_start_may_take_as_long_as_the_more_patient_of_two_probes_allows() -> None:
    assert DeploymentSpec().start_limit_s == 310
    assert replace(DeploymentSpec(), liveness_probe=ProbeSettings(initial_delay_s=1200)).start_limit_s == 1500
    assert replace(DeploymentSpec(), readiness_probe=ProbeSettings(failure_threshold=1)).start_limit_s == 310


def test_a_startup_probe_alone_says_how_long_a_start_may_take() -> None:
    probe = ProbeSettings(initial_delay_s=1, period_s=2, failure_threshold=3)
    assert replace(DeploymentSpec(), startup_probe=probe).start_limit_s == 7
