"""Conda definitions of our own for Azure's curated environments: their names work without containers (design §6).

Called by compute/environment_plans.py for an environment that is only an image. A name outside the catalogue needs
containers.
"""

from teal.domain.curated import BUILT_IN
from teal.domain.instances import EnvironmentDefinition


def find_curated_conda_file(definition: EnvironmentDefinition) -> str | None:
    """The conda_file that stands for an image or an environment name such as `AzureML-sklearn-1.5:19`, if any."""
    for text in (definition.image or "", definition.label):
        if conda_file := BUILT_IN.find_conda_file(text):
            return conda_file
    return None
