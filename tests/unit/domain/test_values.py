"""Small rules of values: failures, conditions, sizes, restart delays, versions, auth modes."""

import pytest

from teal.domain.assets import next_version_after
from teal.domain.conditions import Condition, ConditionType, drop_condition, set_condition
from teal.domain.endpoints import AuthMode, EndpointSpec, check_endpoint, parse_auth_mode
from teal.domain.errors import InvalidInput, NotFound, Unsupported
from teal.domain.failures import Failure
from teal.domain.instance_records import restart_delay_s
from teal.domain.instance_types import GIB, find_instance_size


def condition(since: float, *, status: bool = True, kind: ConditionType = ConditionType.READY) -> Condition:
    return Condition(type=kind, status=status, reason="R", message="m", since=since)


def test_a_condition_keeps_the_time_of_its_last_change() -> None:
    conditions = set_condition((), condition(1))
    assert set_condition(conditions, condition(2)) == (condition(1),)
    assert set_condition(conditions, condition(3, status=False)) == (condition(3, status=False),)


def test_conditions_of_other_types_are_left_alone() -> None:
    routed = condition(1, kind=ConditionType.ROUTED)
    both = set_condition((routed,), condition(2))
    assert set(both) == {routed, condition(2)}
    assert drop_condition(both, ConditionType.READY) == (routed,)


def test_a_failure_tells_how_it_ended_what_was_logged_and_what_to_do() -> None:
    text = Failure(code="X", message="It broke.", exit_code=3, log_tail="last line", hint="Mend it.").describe()
    assert text == "It broke.\nThe process ended with exit code 3.\nLast log lines:\nlast line\nHint: Mend it."


def test_a_traceback_says_more_than_the_log_and_a_signal_more_than_a_code() -> None:
    text = Failure(code="X", message="m", signal="SIGKILL", exit_code=-9, traceback="T\n", log_tail="log").describe()
    assert text == "m\nThe process was ended by SIGKILL.\nT"


def test_the_first_restart_is_at_once_and_the_pause_before_the_next_doubles_up_to_a_minute() -> None:
    assert [restart_delay_s(n) for n in (1, 2, 3, 4)] == [0, 0.5, 1, 2]
    assert restart_delay_s(1000) == 60


def test_a_known_instance_type_has_a_size_in_any_case() -> None:
    size = find_instance_size("STANDARD_DS3_V2")
    assert size is not None
    assert (size.cpus, size.memory_bytes) == (4, 14 * GIB)
    assert find_instance_size("Standard_Unknown") is None


def test_the_next_version_is_one_more_than_the_greatest_number() -> None:
    assert next_version_after([]) == "1"
    assert next_version_after(["2", "10", "v3"]) == "11"


@pytest.mark.parametrize("text", ["key", "Key", "KEY"])
def test_an_auth_mode_is_read_in_any_case(text: str) -> None:
    assert parse_auth_mode(text) is AuthMode.KEY
    assert parse_auth_mode("aml_token") is AuthMode.AML_TOKEN


def test_an_unknown_auth_mode_is_refused() -> None:
    with pytest.raises(InvalidInput, match="use key, aml_token or aad_token"):
        parse_auth_mode("password")


def test_what_this_server_cannot_do_is_refused_with_what_it_can() -> None:
    check_endpoint(EndpointSpec())
    for mode in AuthMode:
        check_endpoint(EndpointSpec(auth_mode=mode))
    with pytest.raises(Unsupported, match="no Kubernetes backend"):
        check_endpoint(EndpointSpec(compute="azureml:k8s"))


def test_an_error_says_what_to_do_when_there_is_something() -> None:
    assert str(NotFound("gone.", hint="Look there.")) == "gone. Look there."
    assert str(NotFound("gone.")) == "gone."
    assert NotFound("x").code == "NotFound"
    assert NotFound("x", code="Other").code == "Other"
