import pytest

from teal.domain.errors import InvalidInput
from teal.domain.searches import Comparison, Order, fits, parse_filter, parse_orders

KEYS = {"name": "= != LIKE ILIKE", "version_number": "= != < <= > >=", "run_id": "= != IN", "tags": "= !="}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (None, ()),
        ("  ", ()),
        ("name = 'm'", (Comparison("name", None, "=", "m"),)),
        ('name="m"', (Comparison("name", None, "=", "m"),)),
        ("name = 'it''s'", (Comparison("name", None, "=", "it's"),)),
        ("name ilike 'M%'", (Comparison("name", None, "ILIKE", "M%"),)),
        ("tags.a.b = 'AND'", (Comparison("tags", "a.b", "=", "AND"),)),
        ("version_number >= 3", (Comparison("version_number", None, ">=", 3),)),
        ("run_id IN ('a', 'b')", (Comparison("run_id", None, "IN", ("a", "b")),)),
        (
            "name LIKE 'h%' and tag.`mlflow.prompt.is_prompt` != 'true'",
            (
                Comparison("name", None, "LIKE", "h%"),
                Comparison("tags", "mlflow.prompt.is_prompt", "!=", "true"),
            ),
        ),
    ],
)
def test_filters_are_read_as_mlflow_writes_them(text: str | None, wanted: tuple[Comparison, ...]) -> None:
    assert parse_filter(text, attributes=KEYS) == wanted


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name", "near 'name'"),
        ("name = m", "near 'name = m'"),
        ("name = 'm' OR name = 'n'", "joined by AND"),
        ("name = 'm' AND", "a condition is missing"),
        ("colour = 'm'", "'colour' cannot be searched by"),
        ("tags = 'm'", "cannot be searched by"),
        ("name.x = 'm'", "cannot be searched by"),
        ("name > 'm'", "not by >"),
        ("name = 3", "wants quotes"),
        ("version_number > 'm'", "is not a number"),
        ("run_id IN 'a'", "a list in brackets"),
        ("name = ('a')", "wants one value"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_place(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        parse_filter(text, attributes=KEYS)


def test_orders_name_their_keys() -> None:
    assert parse_orders(["name DESC", "version_number"], keys=("name", "version_number")) == (
        Order("name", True),
        Order("version_number", False),
    )
    with pytest.raises(InvalidInput, match="one of name"):
        parse_orders(["colour ASC"], keys=("name",))


@pytest.mark.parametrize(
    ("operator", "value", "fitting", "other"),
    [
        ("=", "m", "m", "M"),
        ("!=", "m", "n", "m"),
        ("LIKE", "m_d%", "model", "Model"),
        ("ILIKE", "M%", "model", "a model"),
        ("LIKE", "a.b", "a.b", "axb"),
        ("IN", ("a", "b"), "b", "c"),
        ("<", 10, 9, 10),
        (">=", 10, 10, 9),
    ],
)
def test_values_are_compared(
    operator: str, value: str | int | tuple[str, ...], fitting: str | int, other: str | int
) -> None:
    comparison = Comparison("name", None, operator, value)
    assert fits(fitting, comparison)
    assert not fits(other, comparison)
    assert not fits(None, comparison)
