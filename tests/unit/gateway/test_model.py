from dataclasses import replace

import pytest

from teal.gateway.model import EndpointModel, Host, Target, validate

BLUE_1 = Host("blue-1", "127.0.0.1", 9001)
BLUE_2 = Host("blue-2", "127.0.0.1", 9002)
BLUE = Target("blue", (BLUE_1, BLUE_2), max_in_flight=2, request_timeout_ms=5000)
GREEN = Target("green", (), max_in_flight=2, request_timeout_ms=5000)
MODEL = EndpointModel("orders", ("key",), (BLUE, GREEN), traffic={"blue": 100}, mirror={"green": 10})


def test_a_whole_model_is_accepted() -> None:
    assert validate(MODEL) == ()
    assert validate(replace(MODEL, traffic={}, mirror={}, keys=(), targets=())) == ()


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (replace(MODEL, name="Orders"), "'Orders' is not a name"),
        (replace(MODEL, name="a/b"), "'a/b' is not a name"),
        (replace(MODEL, name="ends-"), "'ends-' is not a name"),
        (replace(MODEL, targets=(BLUE, GREEN, replace(BLUE, hosts=()))), "deployment 'blue' appears twice"),
        (replace(MODEL, keys=("fine", "")), "key 2 is not"),
        (replace(MODEL, keys=("a b",)), "key 1 is not"),
        (replace(MODEL, keys=("é",)), "key 1 is not"),
        (replace(MODEL, keys=("a\nb",)), "key 1 is not"),
        (replace(MODEL, keys=("k" * 1025,)), "key 1 is not"),
        (replace(MODEL, traffic={"blue": 90}), "traffic adds up to 90"),
        (replace(MODEL, traffic={"blue": 60, "green": 60}, mirror={}), "traffic adds up to 120"),
        (replace(MODEL, traffic={"blue": 100, "red": 0}), "traffic names 'red', which is not a deployment"),
        (replace(MODEL, mirror={"red": 10}), "mirror names 'red', which is not a deployment"),
        (replace(MODEL, traffic={"blue": 150, "green": -50}), "traffic of 'blue' is 150"),
        (replace(MODEL, mirror={"green": 101}), "mirror of 'green' is 101"),
        (replace(MODEL, mirror={"blue": 10}), "'blue' cannot have live and mirrored traffic"),
        (replace(MODEL, targets=(replace(BLUE, retired=True), GREEN)), "traffic names 'blue', which is retired"),
        (replace(MODEL, targets=(replace(BLUE, max_in_flight=0), GREEN)), "max_in_flight must be at least 1"),
        (replace(MODEL, targets=(replace(BLUE, request_timeout_ms=0), GREEN)), "request_timeout_ms must be"),
        (replace(MODEL, targets=(replace(BLUE, hosts=(BLUE_1, BLUE_1)), GREEN)), "instance 'blue-1' appears twice"),
        (
            replace(MODEL, targets=(replace(BLUE, hosts=(BLUE_1, replace(BLUE_2, port=9001))), GREEN)),
            "two instances at 127.0.0.1:9001",
        ),
        (
            replace(MODEL, targets=(replace(BLUE, hosts=(replace(BLUE_1, address="localhost"),)), GREEN)),
            "'localhost' is not an IP address",
        ),
        (replace(MODEL, targets=(replace(BLUE, hosts=(replace(BLUE_1, port=0),)), GREEN)), "0 is not a port"),
    ],
)
def test_a_model_that_breaks_a_rule_is_told_why(model: EndpointModel, reason: str) -> None:
    assert any(reason in given for given in validate(model)), validate(model)


def test_reasons_never_show_a_key() -> None:
    assert not any("my secret" in reason for reason in validate(replace(MODEL, keys=("my secret",))))


def test_a_retired_deployment_may_stay_in_the_map_with_0() -> None:
    assert validate(replace(MODEL, targets=(BLUE, replace(GREEN, retired=True)), mirror={"green": 0})) == ()


@pytest.mark.parametrize(
    "same",
    [
        replace(MODEL, targets=(GREEN, BLUE)),
        replace(MODEL, targets=(replace(BLUE, hosts=(BLUE_2, BLUE_1)), GREEN)),
        replace(MODEL, traffic={"green": 0, "blue": 100}),
    ],
)
def test_models_that_mean_the_same_have_the_same_version(same: EndpointModel) -> None:
    assert same.version == MODEL.version


@pytest.mark.parametrize(
    "other",
    [
        replace(MODEL, keys=("other",)),
        replace(MODEL, traffic={"green": 100}),
        replace(MODEL, mirror={}),
        replace(MODEL, targets=(replace(BLUE, max_in_flight=3), GREEN)),
        replace(MODEL, targets=(replace(BLUE, hosts=(BLUE_1, replace(BLUE_2, draining=True))), GREEN)),
        replace(MODEL, targets=(BLUE, replace(GREEN, retired=True))),
    ],
)
def test_models_that_mean_something_else_have_another_version(other: EndpointModel) -> None:
    assert other.version != MODEL.version
