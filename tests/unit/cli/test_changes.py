import pytest
from knack.util import CLIError

from teal.cli.changes import apply_changes, build_changes
from teal.cli.pairs import parse_pairs, parse_percents
from teal.cli.progress import describe

DATA = {"name": "e", "tags": {"a": "1"}, "list": [{"k": "x", "v": 1}, {"k": "y", "v": 2}], "words": ["one"]}


def change(*flags: tuple[str, list[str]], force_string: bool = False) -> dict[str, object]:
    given: dict[str, list[tuple[int, list[str]]]] = {"set": [], "add": [], "remove": []}
    for place, (kind, words) in enumerate(flags):
        given[kind].append((place, words))
    changes = build_changes(given["set"], given["add"], given["remove"], force_string=force_string)
    return apply_changes(DATA, changes)


def test_set_reads_values_as_json_where_they_are() -> None:
    changed = change(("set", ["count=2", "flag=true", 'map={"a": [1]}', "text=two words", "gone=null"]))
    assert {key: changed[key] for key in ("count", "flag", "map", "text", "gone")} == {
        "count": 2,
        "flag": True,
        "map": {"a": [1]},
        "text": "two words",
        "gone": None,
    }
    assert change(("set", ["count=2"]), force_string=True)["count"] == "2"


def test_paths_go_through_maps_and_lists() -> None:
    changed = change(("set", ["tags.b=2", "new.map.key=3", "list[0].v=9", "list[k=y].v=8"]))
    assert changed["tags"] == {"a": "1", "b": 2}
    assert changed["new"] == {"map": {"key": 3}}
    assert changed["list"] == [{"k": "x", "v": 9}, {"k": "y", "v": 8}]


def test_values_may_hold_equals_signs() -> None:
    assert change(("set", ["tags.query=a=b"]))["tags"] == {"a": "1", "query": "a=b"}


def test_add_appends_to_lists_and_adds_to_maps() -> None:
    changed = change(("add", ["words", "two"]), ("add", ["tags", "b=x"]), ("add", ["list", "k=z", "v=3"]))
    assert changed["words"] == ["one", "two"]
    assert changed["tags"] == {"a": "1", "b": "x"}
    assert changed["list"][-1] == {"k": "z", "v": 3}  # type: ignore[index]


def test_remove_empties_a_property_or_drops_an_element() -> None:
    changed = change(("remove", ["tags.a"]), ("remove", ["list", "0"]), ("remove", ["words[0]"]))
    assert changed["tags"] == {"a": None}
    assert changed["list"] == [{"k": "y", "v": 2}]
    assert changed["words"] == []


def test_the_order_of_the_line_is_kept() -> None:
    assert change(("set", ["tags.a=2"]), ("remove", ["tags.a"]))["tags"] == {"a": None}
    assert change(("remove", ["tags.a"]), ("set", ["tags.a=2"]))["tags"] == {"a": 2}


def test_what_was_given_in_stays_as_it_was() -> None:
    change(("set", ["tags.a=5"]))
    assert DATA["tags"] == {"a": "1"}


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        (("set", ["count"]), "takes PATH=VALUE"),
        (("set", ["=1"]), "takes PATH=VALUE"),
        (("set", ["name.first=x"]), "'name' is 'e', which has nothing inside it"),
        (("set", ["list[7].v=1"]), "it has 2"),
        (("set", ["list[k=none].v=1"]), "0 elements have k=none"),
        (("remove", ["nothing"]), "there is no 'nothing'. There is: list, name, tags, words"),
        (("remove", ["no.thing"]), "there is no 'no'"),
        (("remove", ["name", "0"]), "is not a list"),
        (("add", ["words"]), "takes a path and what to add"),
        (("add", ["tags", "word"]), "add KEY=VALUE"),
    ],
)
def test_what_cannot_be_done_is_said(flag: tuple[str, list[str]], says: str) -> None:
    with pytest.raises(CLIError) as raised:
        change(flag)
    assert says in str(raised.value)


def test_pairs_are_read_word_by_word() -> None:
    assert parse_pairs(["a=b c", "d="], "--tags") == {"a": "b c", "d": ""}
    assert parse_percents(["Blue=90 green=10"], "--traffic") == {"blue": 90, "green": 10}
    assert parse_percents(None, "--traffic") is None


def test_the_waiting_line_says_what_and_how_long() -> None:
    assert describe("creating blue", "building environment", 12.4) == "creating blue: building environment 12 s"
    assert describe("creating blue", "", 3.0) == "creating blue: 3 s"
