"""The rules of live and mirrored traffic (`spec/azureml.md` §1.5)."""

import pytest

from teal.domain.errors import InvalidInput
from teal.domain.traffic import check_traffic, normalize_traffic


@pytest.mark.parametrize(
    ("traffic", "mirror"),
    [
        ({}, {}),
        ({"blue": 100}, {}),
        ({"blue": 90, "green": 10}, {}),
        ({"blue": 100}, {"green": 50}),
        ({}, {"green": 10}),
    ],
)
def test_a_split_that_sums_to_0_or_100_over_existing_deployments_is_accepted(
    traffic: dict[str, int], mirror: dict[str, int]
) -> None:
    check_traffic(traffic, mirror, deployments={"blue", "green"})


@pytest.mark.parametrize(
    ("traffic", "mirror", "words"),
    [
        ({"blue": 90}, {}, "sums to 90"),
        ({"blue": 100, "green": 10}, {}, "sums to 110"),
        ({"red": 100}, {}, "'red', which does not exist"),
        ({"blue": 150, "green": -50}, {}, "from 0 to 100"),
        ({"blue": 99.5, "green": 0.5}, {}, "whole number"),
        ({"blue": True}, {}, "whole number"),
        ({"blue": 100}, {"green": 51}, "At most 50 percent"),
        ({"blue": 100}, {"green": 10, "gray": 10}, "one deployment only"),
        ({"blue": 90, "green": 10}, {"green": 10}, "live and mirrored traffic at once"),
        ({"blue": 100}, {"red": 10}, "mirror_traffic names the deployment 'red'"),
        ({"broken": 100}, {}, "has failed"),
    ],
)
def test_a_split_that_breaks_a_rule_is_refused_in_words(
    traffic: dict[str, int], mirror: dict[str, int], words: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_traffic(traffic, mirror, deployments={"blue", "green", "gray", "broken"}, failed={"broken"})
    assert words in str(refused.value)


def test_the_refusal_of_an_unknown_deployment_lists_those_that_exist() -> None:
    with pytest.raises(InvalidInput, match="Existing deployments: blue, green"):
        check_traffic({"red": 100}, {}, deployments={"green", "blue"})


def test_names_are_lowered_and_shares_of_zero_are_dropped() -> None:
    assert normalize_traffic({"Blue": 0, "GREEN": 100}) == {"green": 100}


def test_a_deployment_has_one_share() -> None:
    with pytest.raises(InvalidInput, match="'blue' is named twice"):
        normalize_traffic({"Blue": 50, "blue": 50})
