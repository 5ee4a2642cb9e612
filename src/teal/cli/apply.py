"""`teal apply -f`: make what the files describe, change what differs, leave alone what does not. Used by the command
table.

Steps, in the order in which one needs another: models, environments, endpoints, deployments, traffic.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from knack.log import get_logger
from knack.util import CLIError

from teal.cli.coming import Coming
from teal.cli.documents import Document, read_documents
from teal.cli.progress import finish
from teal.cli.races import retry_when_modified
from teal.sdk.client import MLClient
from teal.sdk.differences import list_differences, merge_maps
from teal.sdk.entities.dumping import dump
from teal.sdk.errors import ResourceNotFoundError, TealError
from teal.sdk.loading import (
    parse_deployment_data,
    parse_endpoint_data,
    parse_environment_data,
    parse_model_data,
)

logger = get_logger(__name__)

PARSERS: Mapping[str, Callable[..., object]] = {
    "model": parse_model_data,
    "environment": parse_environment_data,
    "online-endpoint": parse_endpoint_data,
    "online-deployment": parse_deployment_data,
}
#: Maps that a file gives whole: what it leaves out of one is to go.
WHOLE = frozenset({"traffic", "mirror_traffic", "tags", "environment_variables"})
TRAFFIC = ("traffic", "mirror_traffic")
_ASSET_ID = re.compile(r"(?:azureml:)?/subscriptions/\S+?/workspaces/[^/\s]+/\w+/([^/\s]+)/versions/([^/\s;,]+)")
_SEEN_ONLY = (
    "id",
    "observed",
    "creation_context",
    "provisioning_state",
    "provisioning_error",
    "scoring_uri",
    "openapi_uri",
    "kind",
    "location",
)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to make sure of: what is different, and what makes it so."""

    kind: str
    name: str
    action: str
    difference: tuple[str, ...] = ()
    run: Callable[[], object] | None = None


def apply(client: MLClient, file: list[str], dry_run: bool = False) -> Any:
    documents = [document for each in file for document in read_documents(each)]
    if not documents:
        raise CLIError("The file describes nothing.")
    for document in documents:
        # All of them first: a word misspelt in the last document is no reason to be left half way.
        PARSERS[document.kind](document.data, document.place)
    done: list[Step] = []
    coming = Coming()
    try:
        for plan in _plans(documents, coming):
            # Planned one by one: what a step finds depends on what the steps before have made.
            step = plan(client, dry_run)
            if step is not None:
                if not dry_run and step.run is not None:
                    step.run()
                if dry_run and step.action == "create" and step.kind in ("model", "environment"):
                    coming.add(step.kind, step.name)
                done.append(step)
    except (TealError, CLIError):
        if made := [f"{step.kind} {step.name}" for step in done if step.action != "none" and not dry_run]:
            logger.warning("Made before this: %s. The same command goes on from there.", ", ".join(made))
        raise
    return [
        {"kind": step.kind, "name": step.name, "action": step.action, "difference": list(step.difference)}
        for step in done
    ]


# --- private

Plan = Callable[[MLClient, bool], "Step | None"]


def _plans(documents: list[Document], coming: Coming) -> Iterator[Plan]:
    by_kind: dict[str, list[Document]] = {}
    for document in documents:
        by_kind.setdefault(document.kind, []).append(document)
    made = {str(each.data.get("name", "")).lower() for each in by_kind.get("online-endpoint", ())}
    for document in by_kind.get("model", ()):
        yield _with(document, _plan_model)
    for document in by_kind.get("environment", ()):
        yield _with(document, _plan_environment)
    for document in by_kind.get("online-endpoint", ()):
        yield _with(document, _plan_endpoint)
    for document in by_kind.get("online-deployment", ()):
        yield _with(document, lambda client, each, dry: _plan_deployment(client, each, dry, made, coming))
    for document in by_kind.get("online-endpoint", ()):
        yield _with(document, _plan_traffic)


def _with(document: Document, plan: Callable[[MLClient, Document, bool], "Step | None"]) -> Plan:
    return lambda client, dry_run: plan(client, document, dry_run)


def _plan_model(client: MLClient, document: Document, dry_run: bool) -> Step:
    model = parse_model_data(document.data, document.place)
    same = client.models.find_same(model)
    name = f"{model.name}:{model.version or (same.version if same else 'next')}"
    if same is None:
        _refuse_taken(model.version, name, lambda: client.models.get(str(model.name), model.version))
        return Step("model", name, "create", _lines(document.data), lambda: client.models.create_or_update(model))
    model.version, model.path = same.version, same.path
    return _step_of_asset("model", name, dump(same), document.data, lambda: client.models.create_or_update(model))


def _plan_environment(client: MLClient, document: Document, dry_run: bool) -> Step:
    environment = parse_environment_data(document.data, document.place)
    same = client.environments.find_same(environment)
    name = f"{environment.name}:{environment.version or (same.version if same else 'next')}"
    if same is None:
        _refuse_taken(
            environment.version, name, lambda: client.environments.get(str(environment.name), environment.version)
        )
        make = lambda: client.environments.create_or_update(environment)  # noqa: E731
        return Step("environment", name, "create", _lines(document.data), make)
    environment.version = same.version
    return _step_of_asset(
        "environment", name, dump(same), document.data, lambda: client.environments.create_or_update(environment)
    )


def _refuse_taken(version: str | None, name: str, get: Callable[[], object]) -> None:
    """A version that is there and holds something else cannot become this."""
    if version is None:
        return
    try:
        get()
    except ResourceNotFoundError:
        return
    raise CLIError(f"{name} is there already and holds something else. Give another version, or none for the next.")


def _step_of_asset(
    kind: str, name: str, before: dict[str, Any], data: dict[str, Any], run: Callable[[], object]
) -> Step:
    """The content is the same; what is written about it may differ."""
    written = {key: _texts(value) for key, value in data.items() if key in ("description", "tags", "stage")}
    difference = list_differences({key: before.get(key) for key in written}, written)
    return Step(kind, name, "update" if difference else "none", tuple(difference), run if difference else None)


def _plan_endpoint(client: MLClient, document: Document, dry_run: bool) -> Step:
    data = {key: value for key, value in document.data.items() if key not in TRAFFIC}
    endpoint = parse_endpoint_data(data, document.place)
    name = str(endpoint.name)
    try:
        client.online_endpoints.get(name)
    except ResourceNotFoundError:
        make = lambda: finish(  # noqa: E731
            client.online_endpoints.begin_create_or_update(endpoint), doing=f"creating {name}", ask_later=_show(name)
        )
        return Step("online-endpoint", name, "create", _lines(data), make)
    return _change_endpoint(client, document, name, data)


def _plan_traffic(client: MLClient, document: Document, dry_run: bool) -> Step | None:
    split = {key: document.data[key] or {} for key in TRAFFIC if key in document.data}
    name = str(document.data["name"]).lower()
    if not split:
        return None
    try:
        step = _change_endpoint(client, document, name, split)
    except ResourceNotFoundError:
        if not dry_run:
            raise
        return Step("online-endpoint", name, "update", _lines(split))
    return step if step.difference else None


def _change_endpoint(client: MLClient, document: Document, name: str, data: dict[str, Any]) -> Step:
    def states() -> tuple[Any, Any]:
        before = client.online_endpoints.get(name)
        wanted = merge_maps(dump(before), {**data, "name": before.name}, WHOLE)
        return before, parse_endpoint_data(wanted, document.place)

    def change() -> object:
        poller = retry_when_modified(lambda: client.online_endpoints.begin_change(*states()))
        return finish(poller, doing=f"updating {name}", ask_later=_show(name))

    before, after = states()
    difference = _compare(client.online_endpoints.preview(before), client.online_endpoints.preview(after))
    return Step("online-endpoint", name, "update" if difference else "none", difference, change if difference else None)


def _plan_deployment(client: MLClient, document: Document, dry_run: bool, made: set[str], coming: Coming) -> Step:
    deployment = parse_deployment_data(document.data, document.place)
    name, endpoint = deployment.name, str(deployment.endpoint_name)
    ask_later = f"teal online-deployment show -e {endpoint} -n {name}"
    hint = f"`teal online-deployment get-logs -e {endpoint} -n {name}` shows what it wrote."
    label = f"{endpoint}/{name}"

    def states() -> tuple[Any, Any]:
        before = client.online_deployments.get(name, endpoint)
        return before, parse_deployment_data(merge_maps(dump(before), document.data, WHOLE), document.place)

    def create() -> object:
        poller = client.online_deployments.begin_create_or_update(deployment)
        return finish(poller, doing=f"creating {name}", ask_later=ask_later, failed_hint=hint)

    def change() -> object:
        poller = retry_when_modified(lambda: client.online_deployments.begin_change(*states()))
        return finish(poller, doing=f"updating {name}", ask_later=ask_later, failed_hint=hint)

    try:
        before, after = states()
    except ResourceNotFoundError:
        if dry_run and endpoint not in made:
            client.online_endpoints.get(endpoint)
        if dry_run:
            coming.find_references(client, deployment)
        return Step("online-deployment", label, "create", _lines(document.data), create)
    # What an earlier step would make cannot be looked up yet: it is compared by its name.
    referred = coming.find_references(client, deployment) if dry_run else {}
    known = {kind: getattr(before, kind) for kind in referred}
    difference = tuple(
        sorted(
            (
                *_compare(
                    client.online_deployments.preview(before),
                    client.online_deployments.preview(replace(after, **known)),
                ),
                *(_shorten(f"{kind}: {known[kind]} -> {text}") for kind, text in referred.items()),
            )
        )
    )
    if not difference and before.provisioning_state == "Failed":
        difference = ("provisioning_state: Failed -> (tried again)",)
    return Step(
        "online-deployment", label, "update" if difference else "none", difference, change if difference else None
    )


def _compare(before: Any, after: Any) -> tuple[str, ...]:
    states = [{key: value for key, value in dump(each).items() if key not in _SEEN_ONLY} for each in (before, after)]
    return tuple(_shorten(line) for line in list_differences(*states))


def _shorten(line: str) -> str:
    """Ids of assets as people write them: azureml:NAME:VERSION."""
    return _ASSET_ID.sub(r"azureml:\1:\2", line)


def _lines(data: dict[str, Any]) -> tuple[str, ...]:
    return tuple(list_differences({}, {key: value for key, value in data.items() if key != "$schema"}))


def _texts(value: Any) -> Any:
    return {key: str(item) for key, item in value.items()} if isinstance(value, dict) else value


def _show(name: str) -> str:
    return f"teal online-endpoint show -n {name}"
