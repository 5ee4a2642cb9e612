import pandas as pd
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema

SAMPLE = pd.DataFrame({"age": [1, 2], "name": ["x", "y"], "weight": [1.5, 2.5]})


def init():
    pass


@input_schema("data", PandasParameterType(SAMPLE))
@input_schema("method", StandardPythonParameterType("sum"))
@output_schema(StandardPythonParameterType([1.0]))
def run(data, method="sum"):
    assert isinstance(data, pd.DataFrame)
    return {"rows": len(data), "columns": list(data.columns), "weight": float(getattr(data["weight"], method)())}
