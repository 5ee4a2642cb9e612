import numpy as np
import pandas as pd
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema

INPUT = StandardPythonParameterType(
    {
        "frame": PandasParameterType(pd.DataFrame({"a": [1, 2]})),
        "array": NumpyParameterType(np.array([1, 2])),
        "list": StandardPythonParameterType([1, 2]),
    }
)


def init():
    pass


@input_schema("inputs", INPUT)
@input_schema("parameters", StandardPythonParameterType({"scale": 1.0}))
@output_schema(StandardPythonParameterType({"total": 1.0}))
def run(inputs, parameters):
    total = int(inputs["frame"]["a"].sum()) + int(inputs["array"].sum()) + sum(inputs["list"])
    return {"total": total * parameters["scale"], "kinds": [type(inputs[k]).__name__ for k in sorted(inputs)]}
