"""References to assets and addresses of files, as clients write them (`spec/wire.md` §3)."""

import pytest

from teal.domain.errors import InvalidInput
from teal.domain.resource_ids import (
    AssetKind,
    AssetRef,
    WorkspaceId,
    format_deployment_id,
    is_curated,
    parse_asset_ref,
    parse_blob_uri,
    parse_datastore_path,
)

WORKSPACE = WorkspaceId("Sub", "Group", "Ws")


def test_a_workspace_is_the_same_in_any_case() -> None:
    assert WORKSPACE.key == WorkspaceId("sub", "group", "ws").key


@pytest.mark.parametrize(
    "text",
    [
        "azureml:m:3",
        "m:3",
        f"{WORKSPACE.arm}/models/m/versions/3",
        f"azureml:{WORKSPACE.arm}/models/m/versions/3",
        "/subscriptions/s/resourcegroups/g/providers/microsoft.machinelearningservices/workspaces/w/Models/m/versions/3",
    ],
)
def test_every_way_to_name_a_version_means_the_same(text: str) -> None:
    assert parse_asset_ref(AssetKind.MODEL, text) == AssetRef(AssetKind.MODEL, "m", "3")


def test_a_label_is_kept_for_later() -> None:
    assert parse_asset_ref(AssetKind.MODEL, "azureml:m@latest").version == "@latest"


def test_an_id_round_trips() -> None:
    ref = AssetRef(AssetKind.CODE, "c", "1")
    assert parse_asset_ref(AssetKind.CODE, ref.arm(WORKSPACE)) == ref


@pytest.mark.parametrize("text", ["", "m", "azureml:m", "a:b:c", "azureml://registries/r"])
def test_text_that_names_no_version_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(InvalidInput, match="does not name a version"):
        parse_asset_ref(AssetKind.MODEL, text)


@pytest.mark.parametrize(
    ("end", "version"),
    [("/versions/12", "12"), ("/labels/latest", "@latest"), ("/labels/old", "@old"), ("", "@latest")],
)
def test_an_asset_of_a_registry_is_known_as_such(end: str, version: str) -> None:
    ref = parse_asset_ref(AssetKind.ENVIRONMENT, f"azureml://registries/azureml/environments/sklearn-1.5{end}")
    assert ref == AssetRef(AssetKind.ENVIRONMENT, "sklearn-1.5", version, "azureml")
    assert is_curated(ref)


def test_an_id_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidInput, match="is not an id of environments"):
        parse_asset_ref(AssetKind.ENVIRONMENT, f"{WORKSPACE.arm}/models/m/versions/3")


def test_only_environments_can_be_curated() -> None:
    assert is_curated(parse_asset_ref(AssetKind.ENVIRONMENT, "azureml:AzureML-sklearn-1.5:1"))
    assert not is_curated(parse_asset_ref(AssetKind.MODEL, "azureml:AzureML-sklearn:1"))


def test_the_path_in_a_datastore_is_cut_out_of_its_uri() -> None:
    uri = "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/workspaceblobstore/paths/LocalUpload/h/m/"
    assert parse_datastore_path(uri) == "LocalUpload/h/m"


@pytest.mark.parametrize("uri", ["https://example.org/x", "azureml://datastores/d/paths/", "runs:/1/model"])
def test_a_uri_outside_of_a_datastore_is_refused(uri: str) -> None:
    with pytest.raises(InvalidInput, match="is not a path in a datastore"):
        parse_datastore_path(uri)


def test_a_blob_address_gives_container_and_path() -> None:
    assert parse_blob_uri("https://h:1/azblob/acct/code-1/src/a?sv=1") == ("code-1", "src/a")


def test_an_address_of_another_store_is_refused() -> None:
    with pytest.raises(InvalidInput, match="is not an address in the blob store"):
        parse_blob_uri("https://example.org/code/src")


def test_a_deployment_id_lies_below_its_endpoint() -> None:
    assert format_deployment_id(WORKSPACE, "ep", "blue").endswith("/workspaces/Ws/onlineEndpoints/ep/deployments/blue")
