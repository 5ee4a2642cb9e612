"""YAML from outside that is small on the wire and large in memory."""

import pytest
import yaml

from teal.compute.foreign_yaml import load_foreign_yaml

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 10)}]}}\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LAUGHS, "far more"),
        (MERGES, "far more"),
        ("a: &a [*a]", "means nothing"),
        ("a: *b", "means nothing"),
        ("[" * 20_000, "levels deep"),
        ("- " * 20_000, "levels deep"),
        ("a: [", "line"),
        ("a: 2024-02-30", "none of its kind"),
        ("a: !!bool maybe", "none of its kind"),
        ("a: !!timestamp soon", "none of its kind"),
        ("a: " + "1" * 5000, "none of its kind"),
        ("a: \ud800", "none of its kind"),
        ("\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} {'[' * 60}*a{n - 1}{']' * 60}" for n in (1, 2))]), "levels deep"),
    ],
)
def test_what_would_not_fit_is_refused_before_it_is_built(text: str, said: str) -> None:
    with pytest.raises(yaml.YAMLError, match=said):
        load_foreign_yaml(text)


def test_what_a_program_shares_is_shared() -> None:
    shared = {"type": "double"}
    text = yaml.safe_dump({"inputs": [shared, shared], "outputs": shared})
    assert "&id001" in text
    assert load_foreign_yaml(text) == {"inputs": [shared, shared], "outputs": shared}


def test_scalars_can_be_had_as_they_are_written() -> None:
    assert load_foreign_yaml("python: 3.10", as_written=True) == {"python": "3.10"}
    assert load_foreign_yaml(b"python: 3.10") == {"python": 3.1}
