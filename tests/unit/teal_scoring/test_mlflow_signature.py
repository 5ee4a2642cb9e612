"""What a request may be for a signature, in sentences that name the column; and how the signature is described."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from teal_scoring.mlflow_serving import find_name
from teal_scoring.mlflow_signature import Column, Signature, Tensor, build_signature, explain_mismatch, explain_missing
from teal_scoring.mlflow_swagger import build_schemas

COLUMNS = (Column("age", "long"), Column("chol", "double"), Column("note", "string", required=False))


class DataType(SimpleNamespace):
    """MLflow's enumeration, as far as it is looked at."""


def explain(**values: Any) -> str | None:
    names = list(values)
    return explain_missing(COLUMNS, names) or explain_mismatch(COLUMNS, names, [[1] * len(values), [*values.values()]])


def test_what_fits_is_not_explained() -> None:
    assert explain(age=1, chol=2) is None
    assert explain(age=1.0, chol=math.nan, note=None) is None
    assert explain(age="12", chol="1.5") is None  # as pandas converts it, and so MLflow's server


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"chol": 1}, "the column 'age'. The request has 'chol'"),
        ({"note": 1}, "the columns 'age', 'chol'"),
        ({"age": None, "chol": 1}, "Column 'age' of the model's signature is long, and row 1 has no value"),
        ({"age": math.inf, "chol": 1}, "row 1 has inf, which is not a whole number"),
        ({"age": 1.5, "chol": 1}, "row 1 has 1.5, which is not a whole number"),
        ({"age": [1], "chol": 1}, "row 1 has [1], which is not a whole number"),
        ({"age": 2**63, "chol": 1}, "does not fit into 64 bits"),
        ({"age": 1, "chol": "x" * 100}, "…, which is not a number"),
    ],
)
def test_what_does_not_fit_names_column_and_row(values: dict[str, Any], words: str) -> None:
    assert words in (explain(**values) or "")


def test_a_signature_of_columns_is_read_from_any_mlflow() -> None:
    long, array = DataType(name="long"), SimpleNamespace(name="array")
    schema = SimpleNamespace(
        is_tensor_spec=lambda: False,
        inputs=[
            SimpleNamespace(name="a", type=long, required=True),
            SimpleNamespace(name="b", type=long, optional=True),  # before MLflow 2.6
            SimpleNamespace(name="c", type=array, required=True),
        ],
    )
    found = build_signature(schema)
    assert found.columns == (Column("a", "long"), Column("b", "long", required=False), Column("c", "other"))
    assert found.names == ["a", "b", "c"]


def test_a_signature_of_tensors_and_none_at_all() -> None:
    tensor = SimpleNamespace(name=None, type="float32", shape=(-1, 2))
    found = build_signature(SimpleNamespace(is_tensor_spec=lambda: True, inputs=[tensor]))
    assert found == Signature(tensors=(Tensor(None, "float32", (-1, 2)),))
    assert not build_signature(None).is_known


def test_the_interface_has_an_example_for_every_kind_of_signature() -> None:
    columns, _, _ = build_schemas(Signature(COLUMNS), Signature(), None)
    assert columns["example"]["input_data"]["data"] == [[1, 1.0, "a"]]
    tensor = Signature(tensors=(Tensor(None, "float32", (-1, 2)),))
    tensors, gives, _ = build_schemas(tensor, tensor, None)
    assert tensors["example"] == {"input_data": [[1.0, 1.0]]}
    assert gives["format"] == "numpy.ndarray"
    frames, rows, _ = build_schemas(Signature(), Signature((Column("sum", "double"),)), None)
    assert frames["properties"]["input_data"]["type"] == "object"
    assert rows["items"]["properties"]["sum"]["type"] == "number"


def test_a_model_is_called_as_its_asset() -> None:
    assert find_name(Path("azureml-models/heart/3/model"), "azureml-models/heart/3") == ("heart", "3")
    assert find_name(Path("models/heart"), None) == ("heart", "1")
