"""Azure's curated environments, as definitions of our own: their names work without containers (design §6).

Called by control, which refuses a name that nobody knows, by reconcile and by compute. The catalogue of a server is the
one here, and what its data directory adds (server/catalogue.py).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CuratedEnvironment:
    """One definition. In `name`, `*` stands for a version such as 1.5, which replaces `{version}` in `conda_file`; what
    follows the name, such as `-ubuntu20.04-py38-cpu`, has no meaning for a process."""

    name: str
    conda_file: str

    def build_conda_file(self, asked: str) -> str | None:
        """The definition behind the asked name, in lower case and without prefix; None when that is another one."""
        pattern = re.escape(self.name.lower()).replace(re.escape("*"), r"(?P<version>\d+(?:\.\d+)+)", 1)
        match = re.match(rf"{pattern}(?![a-z0-9])", asked)
        if match is None:
            return None
        return self.conda_file.replace("{version}", match.groupdict().get("version") or "")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every definition of a server; earlier ones come first."""

    environments: Sequence[CuratedEnvironment]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(environment.name for environment in self.environments)

    def find_conda_file(self, text: str) -> str | None:
        """The conda_file behind a name such as `sklearn-1.5`, `AzureML-sklearn-1.5:19` or an image's address."""
        name = text.lower().rpartition("/")[2].removeprefix("azureml:").removeprefix("azureml-").partition("@")[0]
        for environment in self.environments:
            if conda_file := environment.build_conda_file(name):
                return conda_file
        return None


def build_conda_file(*packages: str, python: str | None = None) -> str:
    pinned = f"- python={python}\n" if python else ""
    return f"dependencies:\n{pinned}- pip:\n" + "".join(f"  - {package}\n" for package in packages)


BUILT_IN = Catalogue(
    (
        CuratedEnvironment("minimal", build_conda_file("numpy", "pandas")),
        # The last Python these have wheels for; Azure's have 3.8.
        CuratedEnvironment(
            "sklearn-1.0",
            build_conda_file("scikit-learn==1.0.*", "numpy", "pandas", "joblib", "mlflow-skinny", python="3.10"),
        ),
        CuratedEnvironment("pytorch-1.12", build_conda_file("torch==1.12.*", "numpy", "pandas", python="3.10")),
        CuratedEnvironment("pytorch-1.11", build_conda_file("torch==1.11.*", "numpy", "pandas", python="3.10")),
        CuratedEnvironment(
            "sklearn-*", build_conda_file("scikit-learn=={version}.*", "numpy", "pandas", "joblib", "mlflow-skinny")
        ),
        CuratedEnvironment("xgboost-*", build_conda_file("xgboost=={version}.*", "scikit-learn", "numpy", "pandas")),
        CuratedEnvironment("lightgbm-*", build_conda_file("lightgbm=={version}.*", "scikit-learn", "numpy", "pandas")),
        CuratedEnvironment("onnxruntime-*", build_conda_file("onnxruntime=={version}.*", "numpy", "pandas")),
        CuratedEnvironment("tensorflow-*", build_conda_file("tensorflow=={version}.*", "numpy", "pandas")),
        CuratedEnvironment("pytorch-*", build_conda_file("torch=={version}.*", "numpy", "pandas")),
        CuratedEnvironment("acpt-pytorch-*", build_conda_file("torch=={version}.*", "numpy", "pandas")),
    )
)
