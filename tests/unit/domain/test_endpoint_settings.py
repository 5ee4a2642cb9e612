"""What `teal.*` properties of endpoints and deployments mean, and that a wrong one is refused, never ignored."""

from pathlib import Path

import pytest

from teal.domain.endpoint_settings import (
    PROFILES,
    DeploymentSettings,
    EndpointSettings,
    KeySource,
    Limits,
    Quotas,
    TrafficKey,
    parse_deployment_settings,
    parse_endpoint_settings,
)
from teal.domain.errors import InvalidInput
from teal.domain.traffic import check_traffic


def test_without_settings_azures_rules_hold_and_its_quotas_do_not() -> None:
    assert parse_endpoint_settings({"azureml.other": "x"}) == EndpointSettings()
    assert parse_deployment_settings({}) == DeploymentSettings()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("header:X-User-Id", TrafficKey(KeySource.HEADER, "x-user-id")),
        ("cookie:Session", TrafficKey(KeySource.COOKIE, "Session")),
        ("bearer", TrafficKey(KeySource.BEARER)),
    ],
)
def test_a_traffic_key_is_a_header_a_cookie_or_the_bearer(text: str, key: TrafficKey) -> None:
    assert parse_endpoint_settings({"teal.traffic_key": text}).traffic_key == key


def test_limits_of_the_endpoint_win_over_its_profile_and_that_over_the_servers() -> None:
    server = Limits(requests_per_s=7, bandwidth_kib_per_s=8, max_request_bytes=9)
    assert parse_endpoint_settings({}, server).limits == server
    assert parse_endpoint_settings({"teal.quotas": "azure"}, server).limits == PROFILES[Quotas.AZURE]
    own = {"teal.quotas": "azure", "teal.max_requests_per_second": "none", "teal.max_request_bytes": "1000"}
    assert parse_endpoint_settings(own, server).limits == Limits(None, 500, 4882, 1000, 20, 50)
    unlimited = {"teal.max_bandwidth_kib_per_second": "none"}
    assert parse_endpoint_settings(unlimited, server).limits == Limits(7, None, None, 9)


def test_deployments_have_a_total_time_limit_and_a_protocol() -> None:
    settings = parse_deployment_settings({"teal.total_timeout_ms": "60000", "teal.protocol": "http2"})
    assert settings == DeploymentSettings(total_timeout_ms=60_000, http2=True)


def test_a_deployment_may_be_made_without_a_look_at_its_script() -> None:
    assert parse_deployment_settings({"teal.skip_script_validation": "True"}).skip_script_validation
    assert not parse_deployment_settings({"teal.skip_script_validation": "false"}).skip_script_validation


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("teal.max_requests_per_secnd", "5"),
        ("teal.max_requests_per_second", "0"),
        ("teal.max_requests_per_second", "five"),
        ("teal.traffic_key", "header:"),
        ("teal.traffic_key", "header:two words"),
        ("teal.traffic_key", "body:x"),
        ("teal.traffic_key", "bearer:x"),
        ("teal.traffic_precision", "0.001"),
        ("teal.max_mirror_percent", "101"),
        ("teal.idempotent", "perhaps"),
        ("teal.quotas", "aws"),
    ],
)
def test_a_setting_that_means_nothing_is_refused_by_its_name(name: str, text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_endpoint_settings({name: text})
    assert name in str(refused.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [("teal.protocol", "http3"), ("teal.total_timeout_ms", "0"), ("teal.skip_script_validation", "yes")],
)
def test_so_is_one_of_a_deployment(name: str, text: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        parse_deployment_settings({name: text})


def test_shares_may_be_finer_and_mirrors_larger_where_the_endpoint_says_so() -> None:
    both = {"blue", "green"}
    fine = parse_endpoint_settings({"teal.traffic_precision": "0.01", "teal.max_mirror_percent": "100"})
    check_traffic({"blue": 99.99, "green": 0.01}, {}, deployments=both, settings=fine)
    check_traffic({"blue": 100}, {"green": 100}, deployments=both, settings=fine)
    with pytest.raises(InvalidInput, match=r"multiple of 0\.01"):
        check_traffic({"blue": 99.995, "green": 0.005}, {}, deployments=both, settings=fine)
    with pytest.raises(InvalidInput, match=r"sums to 99\.9"):
        check_traffic({"blue": 99.8, "green": 0.1}, {}, deployments=both, settings=fine)
    with pytest.raises(InvalidInput, match="whole number"):
        check_traffic({"blue": 99.5, "green": 0.5}, {}, deployments=both)


def test_every_setting_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "gateway.md").read_text()
    for parse in (parse_endpoint_settings, parse_deployment_settings):
        with pytest.raises(InvalidInput) as refused:
            parse({"teal.no_such": "1"})
        names = (refused.value.hint or "").removeprefix("There are: ").rstrip(".").split(", ")
        assert len(names) >= 2
        assert all(f"`{name}`" in text for name in names)
