"""Verbs on models as MLflow's registry has them: a name with its tags, its labels and its versions.

They are ARM's containers of models (`spec/mlflow.md` §7, "one store with ARM"). Called by api/mlflow.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import dropwhile, islice
from typing import Any

from teal.control.requests import Moment
from teal.domain.assets import AssetContainer, AssetVersion
from teal.domain.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from teal.domain.names import parse_asset_name
from teal.domain.registry import LATEST, PROMPT_TAG, RegisteredModel, Stage, parse_alias, stage_of
from teal.domain.resource_ids import AssetKind, AssetRef, WorkspaceId, parse_asset_ref
from teal.domain.searches import Comparison, Order, fits
from teal.store import assets as stored
from teal.store import deployments as stored_deployments
from teal.store import endpoints as stored_endpoints
from teal.store import registry as stored_registry
from teal.store.database import Transaction
from teal.store.registry import RowFilter

MODEL = AssetKind.MODEL
MANGLED_SCHEME = "models:"


def create_model(
    tx: Transaction,
    workspace: WorkspaceId,
    name: str,
    *,
    description: str | None,
    tags: Mapping[str, str],
    moment: Moment,
) -> RegisteredModel:
    """A name without versions yet. One that exists is refused, whichever client made it."""
    parse_asset_name("model name", name)
    if tags.get(PROMPT_TAG, "").lower() == "true":
        raise InvalidInput("Prompts are not kept in this registry, only models.", target="tags")
    if stored_registry.load_model(tx, workspace, name) is not None:
        raise AlreadyExists(f"The model '{name}' exists already in the workspace '{workspace.name}'.", target=name)
    container = AssetContainer(
        workspace=workspace,
        kind=MODEL,
        name=name,
        latest_version=None,
        next_version="1",
        created_at=moment.now,
        modified_at=moment.now,
        body={"tags": dict(tags), **({"description": description} if description else {})},
    )
    stored.save_container(tx, container)
    return RegisteredModel(container=container)


def get_model(tx: Transaction, workspace: WorkspaceId, name: str) -> RegisteredModel:
    return _with_latest(tx, require_model(tx, workspace, name))


def require_model(tx: Transaction, workspace: WorkspaceId, name: str) -> AssetContainer:
    container = stored_registry.load_model(tx, workspace, name)
    if container is None:
        raise NotFound(f"The model '{name}' does not exist in the workspace '{workspace.name}'.", target=name)
    return container


def search_models(
    tx: Transaction,
    workspace: WorkspaceId,
    comparisons: Sequence[Comparison],
    orders: Sequence[Order] = (),
    *,
    after: str | None,
    limit: int,
) -> tuple[list[RegisteredModel], str | None]:
    """Active models that people named, by name where no order is asked for, and where the next page starts."""
    equal = next((str(c.value) for c in comparisons if (c.key, c.operator) == ("name", "=")), None)
    like = next((str(c.value) for c in comparisons if (c.key, c.operator) == ("name", "LIKE")), None)
    names = list(stored_registry.list_model_names(tx, workspace, like=like, name=equal, after=None, limit=None))
    first = orders[0] if orders else Order("name", descending=False)
    if first.key == "name":
        names.sort(reverse=first.descending)
        if after is not None:
            names = [name for name in names if (name < after if first.descending else name > after)]
        found = list(islice(_find_fitting(tx, workspace, names, comparisons, limit), limit + 1))
    else:
        found = _sort(list(_find_fitting(tx, workspace, names, comparisons, _READ_AT_ONCE)), orders)
        if after is not None:
            found = list(islice(dropwhile(lambda model: model.container.name != after, found), 1, None))
    page = found[:limit]
    return page, page[-1].container.name if len(found) > limit else None


def change_model(
    tx: Transaction,
    workspace: WorkspaceId,
    name: str,
    moment: Moment,
    *,
    description: str | None = None,
    tags: Mapping[str, str | None] | None = None,
) -> RegisteredModel:
    """Change the description, and the tags that are named; a tag of None goes."""
    container = require_model(tx, workspace, name)
    body = change_body(container.body, description=description, tags=tags)
    container = replace(container, body=body, modified_at=moment.now)
    stored.save_container(tx, container)
    return _with_latest(tx, container)


def rename_model(tx: Transaction, workspace: WorkspaceId, name: str, new: str, moment: Moment) -> RegisteredModel:
    """Another name for all versions. Refused while a deployment refers to one of them by the old name."""
    parse_asset_name("model name", new)
    container = require_model(tx, workspace, name)
    if name == new:
        return _with_latest(tx, container)
    if stored_registry.load_model(tx, workspace, new) is not None:
        raise AlreadyExists(f"The model '{new}' exists already in the workspace '{workspace.name}'.", target=new)
    check_unused(tx, workspace, name, None)
    stored.save_container(tx, replace(container, modified_at=moment.now))
    versions = [replace(v, name=new) for v in stored.list_versions(tx, workspace, MODEL, name)]
    stored_registry.rename_model(tx, workspace, name, new, versions)
    return get_model(tx, workspace, new)


def delete_model(tx: Transaction, workspace: WorkspaceId, name: str) -> None:
    """A name with all its versions. Refused while a deployment refers to one of them."""
    require_model(tx, workspace, name)
    check_unused(tx, workspace, name, None)
    stored.delete_container(tx, workspace, MODEL, name)


def set_alias(tx: Transaction, workspace: WorkspaceId, name: str, alias: str, version: str, moment: Moment) -> None:
    """A label of one version; it moves there if another had it."""
    container = require_model(tx, workspace, name)
    parse_alias(alias)
    if stored.load_version(tx, workspace, MODEL, name, version) is None:
        raise NotFound(f"The model '{name}' has no version '{version}'.", target=f"{name}:{version}")
    aliases = {**container.aliases, alias: version}
    stored.save_container(tx, replace(container, aliases=aliases, modified_at=moment.now))


def delete_alias(tx: Transaction, workspace: WorkspaceId, name: str, alias: str, moment: Moment) -> None:
    """What is not there is gone already, as MLflow has it."""
    container = require_model(tx, workspace, name)
    if alias in container.aliases:
        aliases = {key: value for key, value in container.aliases.items() if key != alias}
        stored.save_container(tx, replace(container, aliases=aliases, modified_at=moment.now))


def find_labelled(tx: Transaction, workspace: WorkspaceId, name: str, label: str) -> AssetVersion | None:
    """The version a label means now: an alias, or `latest`, the newest active one."""
    if label.lower() == LATEST:
        return next(stored_registry.iterate_versions(tx, workspace, RowFilter(name=name, archived=False)), None)
    container = stored_registry.load_model(tx, workspace, name)
    version = container.aliases.get(label) if container else None
    return stored.load_version(tx, workspace, MODEL, name, version) if version else None


def resolve_model(tx: Transaction, workspace: WorkspaceId, ref: AssetRef) -> AssetRef:
    """The version that a reference means now: a version, `@latest`, `@alias`, and what the stock deployments client
    makes of `models:/m/latest` and `models:/m@alias` when it cuts them at their slashes (`spec/mlflow.md` §5.3)."""
    name, version = ref.name, ref.version
    if name == MANGLED_SCHEME:
        name, at, alias = version.partition("@")
        version = f"@{alias}" if at else f"@{LATEST}"
        if not at and not stored_registry.list_version_texts(tx, workspace, name):
            raise InvalidInput(
                f"'models:/{ref.version}' names no registered version of a model.",
                target="model",
                hint="Register it first (mlflow.register_model) and write models:/<name>/<version>.",
            )
    if not version.startswith("@"):
        if stored.load_version(tx, workspace, MODEL, name, version) is not None:
            return AssetRef(MODEL, name, version)
        if version.lower() != LATEST:
            raise _no_version(workspace, f"{name}:{version}")
        version = f"@{LATEST}"
    found = find_labelled(tx, workspace, name, version[1:])
    if found is None:
        raise _no_version(workspace, f"{name}{version}")
    return found.ref


def list_latest(
    tx: Transaction, workspace: WorkspaceId, name: str, stages: Sequence[Stage] = tuple(Stage)
) -> tuple[AssetVersion, ...]:
    """The newest version of every stage that has one, newest first."""
    found: list[AssetVersion] = []
    for stage in stages:
        # It stands in the row of every version of these stages; the two others are told by the row's own flag.
        members = (("stage", str(stage)),) if stage in (Stage.STAGING, Stage.PRODUCTION) else ()
        wanted = RowFilter(name=name, members=members, archived=stage is Stage.ARCHIVED)
        candidates = stored_registry.iterate_versions(tx, workspace, wanted)
        found += islice(_of_stage(candidates, stage), 1)
    return tuple(sorted(found, key=lambda version: version.seq, reverse=True))


def check_unused(tx: Transaction, workspace: WorkspaceId, name: str, version: str | None) -> None:
    """Refuse to take away what a deployment was made from: its next instance could not start."""
    for endpoint in stored_endpoints.list_endpoints(tx, workspace):
        statuses = stored_deployments.list_deployment_statuses(tx, endpoint.name)
        for deployment in stored_deployments.list_deployments(tx, endpoint.name):
            status = statuses.get(deployment.name)
            for spec in (deployment.spec, status.serving if status else None):
                if spec is None or spec.model is None:
                    continue
                ref = parse_asset_ref(MODEL, spec.model)
                if ref.name == name and version in (None, ref.version):
                    raise Conflict(
                        f"The version {ref.version} of the model '{name}' is deployed as '{deployment.name}' in the "
                        f"endpoint '{endpoint.name}'.",
                        code="ModelInUse",
                        target=f"{name}:{ref.version}",
                        hint="Delete that deployment first, or archive the model.",
                    )


def change_body(
    body: Mapping[str, Any], *, description: str | None, tags: Mapping[str, str | None] | None
) -> dict[str, Any]:
    changed = dict(body)
    if description is not None:
        changed["description"] = description
    if tags:
        merged = {**(body.get("tags") or {}), **tags}
        changed["tags"] = {key: value for key, value in merged.items() if value is not None}
    return changed


def tag_fits(body: Mapping[str, Any], comparison: Comparison) -> bool:
    """A tag that is not there fits nothing, except that what has no mark of a prompt is none (`spec/mlflow.md`
    §3.5)."""
    value = (body.get("tags") or {}).get(comparison.member)
    if value is None and comparison.member == PROMPT_TAG and comparison.operator == "!=":
        return True
    return fits(value, comparison)


# --- private

_READ_AT_ONCE = 500


def _no_version(workspace: WorkspaceId, text: str) -> InvalidInput:
    return InvalidInput(
        f"The model '{text}' does not exist in the workspace '{workspace.name}'.",
        target="model",
        hint="List those that exist with: teal model list.",
    )


def _of_stage(candidates: Iterable[AssetVersion], stage: Stage) -> Iterator[AssetVersion]:
    return (each for each in candidates if stage_of(each) is stage)


def _load_models(tx: Transaction, workspace: WorkspaceId, names: Sequence[str]) -> Iterator[RegisteredModel]:
    staged = [("stage", str(stage)) for stage in (Stage.STAGING, Stage.PRODUCTION)]
    for container, versions in stored_registry.load_overviews(tx, workspace, names, staged):
        latest = {stage_of(version): version for version in reversed(versions)}
        # Behind a newest active version that has a stage, one without may stand that the overview does not show.
        if versions and Stage.NONE not in latest and any(not each.is_archived for each in versions):
            latest |= {stage_of(each): each for each in list_latest(tx, workspace, container.name, (Stage.NONE,))}
        newest_first = sorted(latest.values(), key=lambda version: version.seq, reverse=True)
        yield RegisteredModel(container=container, latest=tuple(newest_first))


def _with_latest(tx: Transaction, container: AssetContainer) -> RegisteredModel:
    return RegisteredModel(container=container, latest=list_latest(tx, container.workspace, container.name))


def _find_fitting(
    tx: Transaction, workspace: WorkspaceId, names: Sequence[str], comparisons: Sequence[Comparison], at_once: int
) -> Iterator[RegisteredModel]:
    """Those of the names that fit, in their order, read as far as the caller goes on."""
    for start in range(0, len(names), at_once):
        for model in _load_models(tx, workspace, names[start : start + at_once]):
            container = model.container
            if container.is_anonymous or container.is_archived:
                continue
            if all(_container_fits(container, each) for each in comparisons):
                yield model


def _sort(models: list[RegisteredModel], orders: Sequence[Order]) -> list[RegisteredModel]:
    """`models` come by name, which decides between equals (mlflow.org, "Search for registered models")."""
    for order in reversed(orders):
        models.sort(key=_SORT_KEYS[order.key], reverse=order.descending)
    return models


_SORT_KEYS: Mapping[str, Callable[[RegisteredModel], Any]] = {
    "name": lambda model: model.container.name,
    "creation_timestamp": lambda model: model.container.created_at,
    "last_updated_timestamp": lambda model: model.modified_at,
    "timestamp": lambda model: model.modified_at,
}
ORDER_KEYS = tuple(_SORT_KEYS)


def _container_fits(container: AssetContainer, comparison: Comparison) -> bool:
    return tag_fits(container.body, comparison) if comparison.key == "tags" else fits(container.name, comparison)
