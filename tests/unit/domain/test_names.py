"""Names of endpoints, deployments and assets (`spec/azureml.md` §1.5)."""

import pytest

from teal.domain.errors import InvalidInput
from teal.domain.names import parse_asset_name, parse_name


@pytest.mark.parametrize("name", ["abc", "a-1", "A" * 32, "endpt-sr-123"])
def test_a_name_of_letters_digits_and_dashes_is_stored_in_lower_case(name: str) -> None:
    assert parse_name("endpoint", name) == name.lower()


@pytest.mark.parametrize("name", ["", "ab", "a" * 33, "1abc", "-abc", "abc-", "a--b", "a_b", "a.b", "ab\n", "äbc"])
def test_any_other_name_is_refused_with_the_rule(name: str) -> None:
    with pytest.raises(InvalidInput, match="3 to 32 letters, digits and single dashes"):
        parse_name("endpoint", name)


@pytest.mark.parametrize("name", ["m", "Model_1.2-rc", "a" * 255])
def test_asset_names_keep_their_case(name: str) -> None:
    assert parse_asset_name("model name", name) == name


@pytest.mark.parametrize("name", ["", ".hidden", "-m", "a/b", "a:b", "a b", "a" * 256])
def test_an_asset_name_that_cannot_stand_in_an_id_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="is not a valid model name"):
        parse_asset_name("model name", name)
