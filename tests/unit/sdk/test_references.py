import pytest

from teal.sdk import ValidationError
from teal.sdk.durations import format_duration_ms, format_duration_s, parse_duration_ms, parse_duration_s
from teal.sdk.references import Reference, parse_endpoint_name, parse_reference, parse_versioned_id
from teal.sdk.wire.patches import build_patch


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("azureml:m:1", Reference("m", version="1")),
        ("m:1", Reference("m", version="1")),
        ("azureml:m@latest", Reference("m", label="latest")),
        ("m", Reference("m")),
        ("/subscriptions/s/models/m/versions/1", "/subscriptions/s/models/m/versions/1"),
        ("azureml:/subscriptions/s/models/m/versions/1", "/subscriptions/s/models/m/versions/1"),
        ("azureml://registries/r/models/m/versions/1", "azureml://registries/r/models/m/versions/1"),
        ("AzureML-sklearn-1.0:1", "azureml:AzureML-sklearn-1.0:1"),
        ("azureml:AzureML-sklearn-1.0@latest", "azureml:AzureML-sklearn-1.0@latest"),
    ],
)
def test_assets_may_be_named_in_every_way_azure_knows(text: str, found: Reference | str) -> None:
    assert parse_reference(text, kind="model") == found


@pytest.mark.parametrize("text", ["azureml:", "m:", ":1", "@latest"])
def test_half_a_name_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="does not name a model"):
        parse_reference(text, kind="model")


def test_ids_are_taken_apart() -> None:
    assert parse_versioned_id("/a/models/m/versions/2") == ("m", "2")
    assert parse_endpoint_name("/a/onlineEndpoints/e/deployments/blue") == "e"
    assert parse_endpoint_name("/a/b") is None
    with pytest.raises(ValidationError):
        parse_versioned_id("/a/b")


@pytest.mark.parametrize(("ms", "text"), [(5000, "PT5S"), (100, "PT0.1S"), (1500, "PT1.5S"), (180000, "PT180S")])
def test_durations_go_out_in_seconds(ms: int, text: str) -> None:
    assert format_duration_ms(ms) == text
    assert parse_duration_ms(text) == ms


def test_durations_come_in_in_any_unit() -> None:
    assert parse_duration_ms("PT1M30S") == 90_000
    assert parse_duration_s("P1DT1H") == 90_000
    assert format_duration_s(10) == "PT10S"
    with pytest.raises(ValueError, match="not an ISO 8601 duration"):
        parse_duration_ms("5 seconds")


def test_a_patch_mentions_what_changed_and_removes_with_null() -> None:
    before = {"tags": {"a": "1", "b": "2"}, "properties": {"x": 1, "traffic": {"blue": 100}}}
    after = {"tags": {"b": "3"}, "properties": {"x": 1, "traffic": {"green": 100}, "y": {"z": 1}}}
    assert build_patch(before, after) == {
        "tags": {"a": None, "b": "3"},
        "properties": {"traffic": {"green": 100}, "y": {"z": 1}},
    }
    assert build_patch(before, before) == {}
