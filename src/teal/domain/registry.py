"""The model registry as MLflow sees it, over the models that ARM sees: stages, aliases, version numbers.

A registered model is a container of models and its versions are the container's (`spec/mlflow.md` §3): one row each,
whoever wrote it. Called by control/registry.py and api/mlflow.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from teal.domain.assets import AssetContainer, AssetVersion
from teal.domain.errors import InvalidInput

LATEST = "latest"
PROMPT_TAG = "mlflow.prompt.is_prompt"


class Stage(StrEnum):
    """MLflow's stages. ARCHIVED is ARM's `isArchived`; the others stand in the version's `stage`."""

    NONE = "None"
    STAGING = "Staging"
    PRODUCTION = "Production"
    ARCHIVED = "Archived"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredModel:
    """A container with the newest version of every stage that has one."""

    container: AssetContainer
    latest: tuple[AssetVersion, ...] = ()

    @property
    def modified_at(self) -> float:
        """When it changed last; a new version is a change."""
        return max([self.container.modified_at, *(version.modified_at for version in self.latest)])


def parse_stage(text: str) -> Stage:
    if (stage := _find_stage(text)) is not None:
        return stage
    raise InvalidInput(
        f"'{text}' is not a stage.", target="stage", hint=f"The stages are {', '.join(Stage)}; or use an alias."
    )


def spell_stage(text: str) -> str:
    """A stage as ARM's clients may write it: MLflow's in MLflow's letters, any other (Azure has Development) as it
    is."""
    return str(_find_stage(text) or text)


def stage_of(version: AssetVersion) -> Stage:
    """An archived version is in the stage Archived, whichever client archived it."""
    if version.is_archived:
        return Stage.ARCHIVED
    kept = _find_stage(str(version.body.get("stage") or ""))
    return Stage.NONE if kept is None or kept is Stage.ARCHIVED else kept


def name_stage(version: AssetVersion) -> str:
    """The stage that ARM's clients are shown: also one that MLflow does not have."""
    stage = stage_of(version)
    kept = spell_stage(str(version.body.get("stage") or Stage.NONE))
    return kept if stage is Stage.NONE and _find_stage(kept) is None else str(stage)


def parse_alias(text: str) -> str:
    """Aliases are labels of ARM's clients: `models:/m@champion` and `azureml:m@champion` are the same version."""
    if not _ALIAS.fullmatch(text):
        raise InvalidInput(f"'{text}' is not a valid alias: up to 255 letters, digits, '-' and '_'.", target="alias")
    if text.lower() == LATEST or _NUMBERED.fullmatch(text):
        raise InvalidInput(f"'{text}' cannot be an alias: it already means a version by itself.", target="alias")
    return text


def aliases_of(aliases: Mapping[str, str], version: str) -> list[str]:
    return sorted(alias for alias, of in aliases.items() if of == version)


def number_of(version: str) -> int:
    """Where a version stands among numbered ones; clients of ARM may have chosen any text."""
    return int(version) if version.isascii() and version.isdigit() else 0


# --- private


def _find_stage(text: str) -> Stage | None:
    return next((stage for stage in Stage if stage.lower() == text.lower()), None)


_ALIAS = re.compile(r"[\w-]{1,255}", re.ASCII)
_NUMBERED = re.compile(r"[vV]\d+")
