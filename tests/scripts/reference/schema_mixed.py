"""A list of two types, which version 2 of the description cannot say."""

from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema


def init():
    pass


@input_schema("data", StandardPythonParameterType([1, "two"]))
def run(data):
    return data
