from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema


def init():
    pass


@input_schema("data", StandardPythonParameterType({"a": 1}))
def run(data, request_headers):
    return {"data": data, "custom": request_headers["X-Custom"]}
