"""What a process cannot be given is refused before anything is started with it."""

import pytest

from teal.domain.environment_variables import MAX_TOTAL_BYTES, MAX_VALUE_BYTES, check_variables
from teal.domain.errors import InvalidInput


def test_ordinary_variables_are_taken() -> None:
    check_variables({"A": "1", "a.b-c": "", "ÄÖ": "x y\n", "BIG": "x" * (MAX_VALUE_BYTES - 3)})


@pytest.mark.parametrize(
    "variables", [{"": "1"}, {"A=B": "1"}, {"A\0": "1"}, {"A": "\0"}, {"A": "ä" * MAX_VALUE_BYTES}]
)
def test_others_are_refused(variables: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        check_variables(variables)


def test_all_together_may_not_be_too_large_either() -> None:
    with pytest.raises(InvalidInput, match="together"):
        check_variables({f"V{i}": "x" * 90_000 for i in range(MAX_TOTAL_BYTES // 90_000 + 1)})
