from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema


def init():
    pass


@input_schema("num", StandardPythonParameterType(1))
@input_schema("words", StandardPythonParameterType(["a", "b"]))
@output_schema(StandardPythonParameterType({"num": 1, "words": ["a"]}))
def run(num, words=("default",)):
    return {"num": num, "words": list(words)}
