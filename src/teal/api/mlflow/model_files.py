"""The MLmodel file: text -> the flavours a model has (mlflow.org, "MLflow Model format"). Called where models are
registered."""

from typing import Any

import yaml

from teal.domain.errors import InvalidInput

PYFUNC = "python_function"


def parse_flavors(content: bytes) -> dict[str, Any]:
    """Flavour -> what it says of itself; text that other clients can be given. Refused where nothing could serve it."""
    try:
        body = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The file MLmodel cannot be read: {error}.", target="MLmodel") from None
    flavors = body.get("flavors") if isinstance(body, dict) else None
    if not isinstance(flavors, dict) or not flavors:
        raise InvalidInput(
            "The file MLmodel names no flavors.", target="MLmodel", hint="Save the model again with mlflow.<flavor>."
        )
    return {
        str(flavor): {str(key): str(value) for key, value in said.items() if isinstance(value, str | int | float)}
        for flavor, said in flavors.items()
        if isinstance(said, dict)
    }
