"""Conda definitions of our own for Azure's curated environments: their names work without containers (design §6).

Called by compute/environments.py for an environment that is only an image. A name outside this table needs containers.
"""

import re

from teal.domain.instances import EnvironmentDefinition


def find_curated_conda_file(definition: EnvironmentDefinition) -> str | None:
    """The conda_file that stands for an image or an environment name such as `AzureML-sklearn-1.5:19`, if any."""
    for text in (definition.image or "", definition.label):
        name = text.lower().rpartition("/")[2].removeprefix("azureml:").removeprefix("azureml-")
        for pattern, build in _CURATED:
            if match := re.match(pattern, name):
                return build(*match.groups())
    return None


# --- private


def _build_conda_file(*packages: str) -> str:
    return "dependencies:\n- pip:\n" + "".join(f"  - {package}\n" for package in packages)


def _minimal() -> str:
    return _build_conda_file("numpy", "pandas")


def _sklearn(version: str) -> str:
    return _build_conda_file(f"scikit-learn=={version}.*", "numpy", "pandas", "joblib", "mlflow-skinny")


def _xgboost(version: str) -> str:
    return _build_conda_file(f"xgboost=={version}.*", "scikit-learn", "numpy", "pandas")


def _lightgbm(version: str) -> str:
    return _build_conda_file(f"lightgbm=={version}.*", "scikit-learn", "numpy", "pandas")


_CURATED = (
    (r"minimal-(?:ubuntu|py)", _minimal),
    (r"sklearn-(\d+\.\d+)", _sklearn),
    (r"xgboost-(\d+\.\d+)", _xgboost),
    (r"lightgbm-(\d+\.\d+)", _lightgbm),
)
