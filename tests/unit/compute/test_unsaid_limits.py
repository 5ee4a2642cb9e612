"""What old packages need of their friends and do not say."""

import pytest

from teal.compute.conda import parse_conda_file
from teal.compute.environment_plans import parse_definition
from teal.compute.unsaid_limits import add_unsaid_limits
from teal.domain.instances import EnvironmentDefinition


def limits_of(*packages: str) -> tuple[str, ...]:
    lines = "".join(f"- {package}\n" for package in packages)
    return add_unsaid_limits(parse_conda_file(f"dependencies:\n{lines}")).constraints


def test_a_conda_file_gets_the_numpy_that_its_packages_were_built_for() -> None:
    text = "dependencies:\n- python=3.10\n- scikit-learn=1.2.2\n- numpy\n- pandas\n- pip:\n  - joblib\n"
    parsed = parse_definition(EnvironmentDefinition(label="iris:1", conda_file=text))
    assert parsed.requirements.constraints == ("numpy<2", "scipy<1.12", "pandas<2.3")
    assert "numpy<2 is added, which scikit-learn 1.2.2 needs and does not say" in parsed.requirements.notes


def test_new_or_open_versions_are_left_alone() -> None:
    assert limits_of("scikit-learn=1.5", "numpy") == ()
    assert limits_of("scikit-learn", "scikit-learn>=1.0", "numpy") == ()


@pytest.mark.parametrize("stated", ["numpy=1.23.5", "numpy==2.1", "numpy>=2", "numpy~=2.1"])
def test_what_the_file_says_counts_for_more(stated: str) -> None:
    assert limits_of("scipy=1.10.1", stated) == ()


@pytest.mark.parametrize("stated", ["numpy", "numpy>=1.20"])
def test_a_file_that_leaves_room_is_limited(stated: str) -> None:
    assert limits_of("scipy=1.10.1", stated) == ("numpy<2",)


def test_lines_that_pypi_does_not_number_are_passed_over() -> None:
    requirements = parse_conda_file("dependencies:\n- tz=2021a\n- pip:\n  - https://example.test/a.whl#egg=a\n")
    assert add_unsaid_limits(requirements) == requirements
