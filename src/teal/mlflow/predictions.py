"""What callers of `predict` hand in and get back: frames, arrays, dicts and lists <-> JSON (`spec/mlflow.md` §5.6)."""

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from teal.sdk.errors import ValidationError

if TYPE_CHECKING:
    import pandas as pd


def build_payload(inputs: Any, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """`{"input_data": …}`: a frame in split form, an array as nested lists, a dict of arrays as a dict of lists.

    What is a payload already, by one of the names that servers of models know, is sent as it is.
    """
    if isinstance(inputs, Mapping) and _PAYLOADS & set(inputs):
        payload = {str(key): _plain(value) for key, value in inputs.items()}
    else:
        payload = {"input_data": _plain(inputs)}
    if params:
        payload["params"] = _plain(params)
    return payload


def parse_answer(text: str) -> "pd.DataFrame":
    """A frame, as Azure's client has it: of values one column, of lists columns by number, of objects by name."""
    import pandas as pd

    try:
        answer = json.loads(text)
    except ValueError:
        raise ValidationError(f"The endpoint's answer is not JSON: {text[:200]}") from None
    if isinstance(answer, Mapping) and set(answer) == {"predictions"}:
        answer = answer["predictions"]
    if isinstance(answer, str):
        # Scripts that answer with text of JSON are common: Azure's examples do.
        try:
            answer = json.loads(answer)
        except ValueError:
            return pd.DataFrame([answer])
    if isinstance(answer, Mapping):
        if all(isinstance(value, list) for value in answer.values()):
            return pd.DataFrame(answer)
        return pd.DataFrame([answer])
    return pd.DataFrame(answer if isinstance(answer, list) else [answer])


# --- private

_PAYLOADS = {"input_data", "dataframe_split", "dataframe_records", "instances", "inputs", "data"}


def _plain(value: Any) -> Any:
    """The same in the words of JSON, which has no not-a-number."""
    # By what they can do and not by their types, so that nothing has to be imported to send a list.
    if hasattr(value, "to_json") and hasattr(value, "columns"):
        return json.loads(value.to_json(orient="split", date_format="iso"))
    if hasattr(value, "to_frame") and hasattr(value, "name"):
        return _plain(value.to_frame())
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float):
        return value
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise ValidationError(
        f"A {type(value).__name__} cannot be sent.", hint="Give a DataFrame, an array, a dict, or a list."
    )
