"""From the references of a deployment to the files and definitions an instance is started from."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from teal.domain.assets import AssetVersion
from teal.domain.blobs import Blob
from teal.domain.errors import InvalidInput, NotFound
from teal.domain.instance_records import InstanceRecord, InstanceState
from teal.domain.instances import FileMount, InstanceSpec
from teal.domain.resource_ids import AssetKind
from teal.reconcile.mounts import build_instance_spec
from teal.store import assets, blobs
from teal.store.database import Store, Transaction
from tests.harness.passes import WORKSPACE, deployment_spec

RECORD = InstanceRecord(
    instance_id="ep-blue-1", endpoint="ep", deployment="blue", revision="r", state=InstanceState.STARTED, since=0
)
DATASTORE = f"azureml:/{WORKSPACE.arm}/datastores/workspaceblobstore/paths/"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(tmp_path)
    await store.open()
    yield store
    await store.close()


async def save(store: Store, kind: AssetKind, name: str, body: dict[str, Any], *files: tuple[str, str]) -> None:
    def write(tx: Transaction) -> None:
        asset = AssetVersion(
            workspace=WORKSPACE, kind=kind, name=name, version="1", body=body, created_at=0, modified_at=0
        )
        assets.save_version(tx, asset)
        for container, path in files:
            blobs.save_blob(
                tx, Blob(container=container, path=path, object_id=f"o{len(path)}", size=1, etag='"e"', modified_at=0)
            )

    await store.write(write)


async def build(store: Store, **changes: object) -> InstanceSpec:
    spec = deployment_spec(**changes)
    return await store.read(
        lambda tx: build_instance_spec(tx, WORKSPACE, spec, RECORD, lambda id: Path("/objects") / id)
    )


async def save_code_and_environment(store: Store) -> None:
    uri = "https://h/azblob/acct/code-1/src"
    await save(store, AssetKind.CODE, "c", {"codeUri": uri}, ("code-1", "src/score.py"), ("code-1", "src/lib/a.py"))
    await save(store, AssetKind.ENVIRONMENT, "e", {"image": "i", "condaFile": "dependencies: []"})


async def test_a_model_file_keeps_its_name(store: Store) -> None:
    await save_code_and_environment(store)
    uri = DATASTORE + "LocalUpload/h/model.pkl"
    await save(store, AssetKind.MODEL, "m", {"modelUri": uri}, ("azureml", "LocalUpload/h/model.pkl"))
    spec = await build(store)
    assert spec.model is not None
    assert [f.path for f in spec.model.files] == ["model.pkl"]
    assert spec.model.files[0].source.startswith("/objects/")


async def test_a_model_folder_appears_by_its_own_name_without_its_neighbours(store: Store) -> None:
    await save_code_and_environment(store)
    root = "LocalUpload/h/model"
    await save(
        store,
        AssetKind.MODEL,
        "m",
        {"modelUri": DATASTORE + root + "/"},
        ("azureml", f"{root}/a.pkl"),
        ("azureml", f"{root}/sub/b.pkl"),
        ("azureml", f"{root}-other/c.pkl"),
    )
    spec = await build(store)
    assert spec.model is not None
    assert sorted(f.path for f in spec.model.files) == ["model/a.pkl", "model/sub/b.pkl"]


async def test_code_appears_without_its_folder(store: Store) -> None:
    await save_code_and_environment(store)
    spec = await build(store, model=None)
    assert spec.model is None
    assert spec.code is not None
    assert {f.path for f in spec.code.files} == {"score.py", "lib/a.py"}
    assert all(isinstance(f, FileMount) for f in spec.code.files)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("score.py", "score.py"),
        ("src/score.py", "score.py"),
        ("src/absent.py", "src/absent.py"),
        ("other/score.py", "other/score.py"),
    ],
)
async def test_a_script_may_be_named_with_the_folder_that_its_code_was_uploaded_as(
    store: Store, asked: str, meant: str
) -> None:
    await save_code_and_environment(store)
    assert (await build(store, model=None, scoring_script=asked)).scoring_script == meant


async def test_the_environment_is_handed_on_as_it_was_written(store: Store) -> None:
    await save_code_and_environment(store)
    environment = (await build(store, model=None)).environment
    assert (environment.label, environment.image, environment.conda_file) == ("e:1", "i", "dependencies: []")
    curated = (await build(store, model=None, environment="azureml:AzureML-sklearn-1.5:1")).environment
    assert curated.label == "AzureML-sklearn-1.5"
    assert "scikit-learn==1.5.*" in (curated.conda_file or "")


async def test_an_asset_without_files_says_what_to_do(store: Store) -> None:
    await save_code_and_environment(store)
    await save(store, AssetKind.MODEL, "m", {"modelUri": DATASTORE + "LocalUpload/h/model.pkl"})
    with pytest.raises(NotFound, match=r"has no files.*Upload it again"):
        await build(store)


async def test_an_asset_that_is_gone_is_named(store: Store) -> None:
    await save_code_and_environment(store)
    with pytest.raises(NotFound, match="model 'm:1' is gone"):
        await build(store)


async def save_mlflow_model(store: Store, *names: str) -> None:
    root = "LocalUpload/h/heart"
    body = {"modelUri": DATASTORE + root, "modelType": "mlflow_model"}
    await save(store, AssetKind.MODEL, "m", body, *(("azureml", f"{root}/{name}") for name in names))


async def build_without_code(store: Store, objects: Path) -> InstanceSpec:
    spec = deployment_spec(code_id=None, scoring_script=None, environment=None)
    return await store.read(lambda tx: build_instance_spec(tx, WORKSPACE, spec, RECORD, lambda id: objects / id))


async def test_an_mlflow_model_without_code_brings_its_environment(store: Store, tmp_path: Path) -> None:
    names = ("MLmodel", "requirements.txt", "model.pkl")
    await save_mlflow_model(store, *names)
    for name in names:
        (tmp_path / f"o{len('LocalUpload/h/heart/') + len(name)}").write_text(f"text of {name}")
    spec = await build_without_code(store, tmp_path)
    assert spec.mlflow_model == "heart"
    assert spec.environment.label == "of model m:1"
    assert spec.environment.model_files == {name: f"text of {name}" for name in names[:2]}


async def test_an_mlflow_model_with_code_is_any_model(store: Store) -> None:
    await save_code_and_environment(store)
    await save_mlflow_model(store, "MLmodel")
    spec = await build(store)
    assert spec.mlflow_model is None
    assert spec.environment.model_files is None


async def test_a_folder_without_an_mlmodel_is_refused_before_anything_starts(store: Store, tmp_path: Path) -> None:
    await save_mlflow_model(store, "model.pkl")
    with pytest.raises(InvalidInput, match=r"no MLmodel: heart/model\.pkl"):
        await build_without_code(store, tmp_path)
