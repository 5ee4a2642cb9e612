import json
from pathlib import Path

import httpx
import pytest

from tests.harness.arm import WORKSPACE, Arm, refuse
from tests.unit.cli.conftest import Teal


@pytest.fixture
def endpoint(arm: Arm, teal: Teal) -> Arm:
    assert teal("ml", "online-endpoint", "create", "--name", "e").status == 0
    return arm


def deploy(arm: Arm, name: str) -> None:
    path = f"{WORKSPACE}/onlineEndpoints/e/deployments/{name}"
    arm.resources[path] = {"id": path, "name": name, "properties": {}}


def test_create_prints_the_endpoint_with_azures_keys(arm: Arm, teal: Teal, tmp_path: Path) -> None:
    (tmp_path / "endpoint.yml").write_text("$schema: x\nname: other\nauth_mode: key\n")
    said = teal("ml", "online-endpoint", "create", "--name", "My-E", "-f", "endpoint.yml", "--set", "tags.a=1")
    assert (said.status, said.err) == (0, "")
    shown = said.json
    assert (shown["name"], shown["auth_mode"], shown["provisioning_state"]) == ("my-e", "key", "Succeeded")
    assert shown["scoring_uri"] == f"{arm.base}/endpoints/my-e/score"
    assert shown["tags"] == {"a": "1"}
    assert (shown["traffic"], shown["mirror_traffic"]) == ({}, {})


def test_create_is_refused_if_it_exists(endpoint: Arm, teal: Teal) -> None:
    said = teal("online-endpoint", "create", "-n", "E")
    assert said.status == 1
    assert said.err == "ERROR: The endpoint 'e' exists already. `teal online-endpoint update -n e` changes it.\n"


def test_traffic_is_one_word_or_several(endpoint: Arm, teal: Teal) -> None:
    teal("online-endpoint", "update", "--name", "e", "--traffic", "blue=90 green=10")
    teal("online-endpoint", "update", "--name", "e", "--traffic", "blue=0", "green=100%")
    assert [body["properties"] for body in endpoint.sent("PATCH", "/e")] == [
        {"traffic": {"blue": 90, "green": 10}},
        {"traffic": {"green": 100}},
    ]


def test_a_mirror_of_zero_switches_it_off(endpoint: Arm, teal: Teal) -> None:
    said = teal("online-endpoint", "update", "--name", "e", "--mirror-traffic", "green=0")
    assert endpoint.sent("PATCH", "/e") == [{"properties": {"mirrorTraffic": {}}}]
    assert said.json["mirror_traffic"] == {}


@pytest.mark.parametrize(
    "words", ["blue", "blue=ten", "blue=101", "blue=100.1", "blue=1e1", "blue=.5", "blue=-1", "=5"]
)
def test_what_is_no_percentage_is_refused_before_anything_is_sent(endpoint: Arm, teal: Teal, words: str) -> None:
    said = teal("online-endpoint", "update", "-n", "e", "--traffic", words)
    assert said.status == 1
    assert said.err.startswith("ERROR: --traffic")
    assert not endpoint.sent("PATCH", "/e")


def test_set_add_and_remove_send_only_the_difference(endpoint: Arm, teal: Teal) -> None:
    teal("online-endpoint", "update", "-n", "e", "--set", "tags.a=1", "tags.b=2", "description=hello")
    teal("online-endpoint", "update", "-n", "e", "--remove", "tags.a", "--add", "tags", "c=3", "--set", "tags.c=4")
    assert endpoint.sent("PATCH", "/e") == [
        {"tags": {"a": "1", "b": "2"}, "properties": {"description": "hello"}},
        {"tags": {"a": None, "c": "4"}},
    ]


def test_removing_a_property_sends_null(endpoint: Arm, teal: Teal) -> None:
    teal("online-endpoint", "update", "-n", "e", "--set", "description=hello")
    teal("online-endpoint", "update", "-n", "e", "--remove", "description")
    assert endpoint.sent("PATCH", "/e")[1] == {"properties": {"description": None}}


def test_an_unknown_property_is_refused_with_the_one_that_was_meant(endpoint: Arm, teal: Teal) -> None:
    said = teal("online-endpoint", "update", "-n", "e", "--set", "trafic.blue=100")
    assert said.status == 1
    assert "unknown key 'trafic'; did you mean 'traffic'?" in said.err


def test_a_refused_update_shows_the_servers_words(endpoint: Arm, teal: Teal) -> None:
    endpoint.instead["/onlineEndpoints/e"] = refuse(400, "BadArgument", "traffic adds up to 90; it must be 0 or 100")
    said = teal("online-endpoint", "update", "-n", "e", "--traffic", "blue=90")
    assert (said.status, said.out) == (1, "")
    assert said.err == "ERROR: (BadArgument) traffic adds up to 90; it must be 0 or 100\n"


def test_what_is_not_there_ends_with_status_three(arm: Arm, teal: Teal) -> None:
    for words in (["show", "-n", "none"], ["update", "-n", "none", "--traffic", "blue=100"]):
        said = teal("online-endpoint", *words)
        assert said.status == 3
        assert said.err.startswith("ERROR: (ResourceNotFound)")


def test_query_and_output_as_scripts_use_them(endpoint: Arm, teal: Teal) -> None:
    teal("online-endpoint", "update", "-n", "e", "--traffic", "blue=100")
    deploy(endpoint, "green")
    assert teal("ml", "online-endpoint", "show", "-n", "e", "--query", "traffic").json == {"blue": 100, "green": 0}
    uri = teal("ml", "online-endpoint", "show", "-n", "e", "-o", "tsv", "--query", "scoring_uri")
    assert uri.out == f"{endpoint.base}/endpoints/e/score\n"
    key = teal("ml", "online-endpoint", "get-credentials", "-n", "e", "-o", "tsv", "--query", "primaryKey")
    assert key.out == "first-key\n"
    table = teal("online-endpoint", "list", "-o", "table").out
    assert "blue=100" in table
    assert teal("online-endpoint", "show", "-n", "e", "-o", "yaml", "--query", "traffic").out == "blue: 100\ngreen: 0\n"


def test_credentials_have_azures_keys_and_the_one_the_articles_read(endpoint: Arm, teal: Teal) -> None:
    assert teal("online-endpoint", "get-credentials", "-n", "e").json == {
        "primaryKey": "first-key",
        "secondaryKey": "second-key",
        "accessToken": "first-key",
    }


def test_invoke_prints_the_answer_as_a_json_string(endpoint: Arm, teal: Teal, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text('{"data": [1]}')
    deploy(endpoint, "green")
    said = teal("ml", "online-endpoint", "invoke", "-n", "e", "--request-file", "r.json", "--deployment", "green")
    assert json.loads(said.json) == {"deployment": "green", "echo": {"data": [1]}}
    assert teal("online-endpoint", "invoke", "-n", "e", "-r", "r.json", "-d", "red").status == 3


def test_delete_asks_and_without_a_terminal_refuses(endpoint: Arm, teal: Teal) -> None:
    said = teal("online-endpoint", "delete", "-n", "e")
    assert said.status == 1
    assert "--yes" in said.err
    assert endpoint.resources
    said = teal("ml", "online-endpoint", "delete", "--name", "e", "--yes", "--no-wait")
    assert (said.status, said.out) == (0, "")
    assert "`teal online-endpoint show -n e` tells how far it is" in said.err
    assert not endpoint.resources


def test_regenerate_keys_waits_and_prints_no_key(endpoint: Arm, teal: Teal) -> None:
    said = teal("online-endpoint", "regenerate-keys", "-n", "e", "--key-type", "secondary")
    assert (said.status, said.out) == (0, "")
    assert endpoint.sent("POST", "/regenerateKeys") == [{"keyType": "Secondary"}]


def test_a_script_that_raised_is_to_be_found_in_the_log(endpoint: Arm, teal: Teal, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("{}")
    by_model = {"azureml-model-deployment": "blue", "ms-azureml-model-error-statuscode": "500"}
    endpoint.instead["/score"] = httpx.Response(424, json={"message": "An error"}, headers=by_model)
    said = teal("online-endpoint", "invoke", "-n", "e", "-r", "r.json")
    assert said.status == 1
    assert said.err.endswith("`teal online-deployment get-logs -e e -n blue` shows what it wrote.\n")
    endpoint.instead["/score"] = httpx.Response(429, json={"message": "Too many"})
    assert "get-logs" not in teal("online-endpoint", "invoke", "-n", "e", "-r", "r.json").err


def test_a_file_of_another_kind_is_told_where_it_belongs(endpoint: Arm, teal: Teal, tmp_path: Path) -> None:
    (tmp_path / "blue.yml").write_text("name: blue\nendpoint_name: e\nmodel: azureml:m:1\ntrafic: {}\n")
    said = teal("online-endpoint", "create", "-f", "blue.yml")
    assert said.err.startswith(
        "ERROR: blue.yml: unknown keys 'endpoint_name', 'model', 'trafic' (traffic?). Allowed keys:"
    )
    assert said.err.endswith("It looks like what `teal online-deployment create` takes.\n")
    (tmp_path / "two.yml").write_text("name: a\n---\nname: b\n")
    assert "`teal apply --file two.yml` takes files" in teal("online-endpoint", "create", "-f", "two.yml").err
    assert "Give --name, or a file" in teal("online-endpoint", "create").err
    assert "too long" in teal("online-endpoint", "create", "-n", "a" * 100_000).err


def test_traffic_that_is_empty_or_names_one_twice_is_not_meant(endpoint: Arm, teal: Teal) -> None:
    for flag in ("--traffic", "--mirror-traffic"):
        assert f"{flag} is empty" in teal("online-endpoint", "update", "-n", "e", flag, "").err
        assert f"{flag} names 'blue' twice" in teal("online-endpoint", "update", "-n", "e", flag, "blue=1 blue=0").err
    assert not endpoint.sent("PATCH", "/e")


def test_update_needs_something_to_change(endpoint: Arm, teal: Teal) -> None:
    said = teal("online-endpoint", "update", "-n", "e")
    assert said.status == 1
    assert "Nothing to change" in said.err


def test_an_update_from_a_file_keeps_what_the_file_does_not_say(endpoint: Arm, teal: Teal, tmp_path: Path) -> None:
    teal("online-endpoint", "update", "-n", "e", "--traffic", "blue=100")
    (tmp_path / "endpoint.yml").write_text("name: e\ntags: {team: x}\n")
    said = teal("online-endpoint", "update", "-f", "endpoint.yml")
    assert endpoint.sent("PATCH", "/e")[1] == {"tags": {"team": "x"}}
    assert said.json["traffic"] == {"blue": 100}


def test_parts_of_a_percent_are_sent_as_they_are(endpoint: Arm, teal: Teal) -> None:
    assert teal("online-endpoint", "update", "-n", "e", "--traffic", "blue=99.5 green=0.50", "*=0").status == 0
    assert endpoint.sent("PATCH", "/onlineEndpoints/e")[-1] == {"properties": {"traffic": {"blue": 99.5, "green": 0.5}}}
    shown = teal("online-endpoint", "update", "-n", "e", "--traffic", "blue=100.0").json
    assert str(shown["traffic"]["blue"]) == "100"


@pytest.mark.parametrize(
    ("mode", "keys"),
    [
        ("aml_token", {"accessToken", "expiryTimeUtc", "refreshAfterTimeUtc", "tokenType"}),
        ("aad_token", {"accessToken", "tokenType"}),
    ],
)
def test_credentials_of_a_token_endpoint(arm: Arm, teal: Teal, mode: str, keys: set[str]) -> None:
    teal("online-endpoint", "create", "-n", "t", "--auth-mode", mode)
    assert set(teal("online-endpoint", "get-credentials", "-n", "t").json) == keys


@pytest.mark.parametrize("word", ["name=other", "provisioning_state=Failed", "scoring_uri=http://x", "id=/x"])
def test_what_cannot_be_changed_is_refused_by_name(endpoint: Arm, teal: Teal, word: str) -> None:
    said = teal("online-endpoint", "update", "-n", "e", "--set", word)
    assert said.status == 1
    assert f"'{word.partition('=')[0]}' cannot be changed" in said.err
    assert not endpoint.sent("PATCH", "/e")


def test_what_show_printed_can_be_handed_in_again(endpoint: Arm, teal: Teal, tmp_path: Path) -> None:
    (tmp_path / "shown.json").write_text(teal("online-endpoint", "show", "-n", "e").out)
    assert teal("online-endpoint", "update", "-n", "e", "-f", "shown.json", "--set", "tags.a=1").status == 0


def test_of_two_that_create_one_is_refused(endpoint: Arm, teal: Teal) -> None:
    (sent,) = [request for request in endpoint.requests if request.method == "PUT"]
    assert sent.headers["If-None-Match"] == "*"
