"""Differences as a person reads them, and one state laid over another."""

import pytest

from teal.sdk.differences import list_differences, merge_maps


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, ["a: 1 -> 2"]),
        ({}, {"a": {"b": [1]}}, ["a.b: [1]"]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, ["a.c: 2 -> (gone)"]),
        ({"a": {"b": 1}}, {"a": "x"}, ["a.b: 1 -> (gone)", "a: x"]),
        ({"a": ""}, {"a": "x"}, ['a: "" -> x']),
    ],
)
def test_one_line_a_value(before: dict[str, object], after: dict[str, object], lines: list[str]) -> None:
    assert list_differences(before, after) == lines


def test_maps_are_merged_except_those_given_whole() -> None:
    before = {"settings": {"a": 1, "b": 2}, "tags": {"x": 1}, "list": [1, 2]}
    merged = merge_maps(before, {"settings": {"b": 3}, "tags": {"y": 2}, "list": [3]}, frozenset({"tags"}))
    assert merged == {"settings": {"a": 1, "b": 3}, "tags": {"y": 2}, "list": [3]}
    assert before["settings"] == {"a": 1, "b": 2}
