"""`teal online-deployment …`: one function a command, over the SDK. Used by the command table."""

import sys
from typing import Any

from knack.util import CLIError

from teal.cli.changes import Given, apply_changes, build_changes, find_set, refuse_fixed
from teal.cli.progress import finish, leave, phase_of
from teal.cli.races import build_refusal, retry_when_modified
from teal.sdk.client import MLClient
from teal.sdk.entities.deployments import OnlineDeployment
from teal.sdk.entities.dumping import dump
from teal.sdk.errors import ResourceModifiedError, ResourceNotFoundError, TealError
from teal.sdk.loading import load_data, parse_deployment_data, place_here
from teal.sdk.pollers import LROPoller
from teal.sdk.yaml_shapes import MANAGED_DEPLOYMENT


def create(
    client: MLClient,
    file: str,
    name: str | None = None,
    endpoint_name: str | None = None,
    all_traffic: bool = False,
    set_values: Given = None,
    skip_script_validation: bool = False,
    no_wait: bool = False,
) -> Any:
    if all_traffic and no_wait:
        raise CLIError("--all-traffic has to wait until the deployment is ready; leave --no-wait out.")
    data, place = load_data(file)
    named = {"name": name, "endpoint_name": endpoint_name}
    data = {**data, **{key: value for key, value in named.items() if value is not None}}
    deployment = parse_deployment_data(apply_changes(data, build_changes(set_values)), place)
    asked, endpoint = deployment.name, str(deployment.endpoint_name)
    change = f"`teal online-deployment update -e {endpoint} -n {asked}` changes it."
    exists = f"The deployment '{asked}' exists already. {change}"
    # Asked first, because what the deployment is made of is sent before the deployment is.
    if _exists(client, asked, endpoint):
        raise CLIError(exists)
    try:
        poller = client.online_deployments.begin_create_or_update(
            deployment, skip_script_validation=skip_script_validation, only_new=True
        )
    except ResourceModifiedError as error:
        raise build_refusal(exists, error.hint) from None
    if no_wait:
        return leave(f"Creating the deployment '{asked}'", _show(asked, endpoint))
    made = _finish(client, poller, f"creating {asked}", asked, endpoint)
    if all_traffic:
        shift = client.online_endpoints.begin_update(endpoint, traffic={asked: 100})
        finish(shift, doing=f"giving {asked} all traffic", ask_later=f"teal online-endpoint show -n {endpoint}")
    return dump(made)


def show(client: MLClient, name: str, endpoint_name: str) -> Any:
    return dump(client.online_deployments.get(name, endpoint_name))


def list_(client: MLClient, endpoint_name: str) -> Any:
    return [dump(each) for each in client.online_deployments.list(endpoint_name)]


def update(
    client: MLClient,
    name: str | None = None,
    endpoint_name: str | None = None,
    file: str | None = None,
    set_values: Given = None,
    add_values: Given = None,
    remove_values: Given = None,
    force_string: bool = False,
    skip_script_validation: bool = False,
    no_wait: bool = False,
) -> Any:
    data, place = load_data(file) if file else ({}, place_here("the update"))
    changes = build_changes(set_values, add_values, remove_values, force_string=force_string)
    asked = name or find_set(changes, "name") or data.get("name")
    endpoint = endpoint_name or find_set(changes, "endpoint_name") or data.get("endpoint_name")
    if not asked or not endpoint:
        raise CLIError("Which deployment? Give --name and --endpoint-name, or a file that names both.")
    if not data and not changes:
        raise CLIError("Nothing to change. Give --set, --add, --remove or --file.")

    def change() -> LROPoller[OnlineDeployment]:
        before = client.online_deployments.get(asked, endpoint)
        own = {"name": before.name, "endpoint_name": before.endpoint_name}
        stated = {**dump(before), **data, **own}
        wanted = apply_changes(stated, changes)
        refuse_fixed(stated, wanted, names=tuple(own), filled=MANAGED_DEPLOYMENT.read_only)
        return client.online_deployments.begin_change(
            before, parse_deployment_data(wanted, place), skip_script_validation=skip_script_validation
        )

    poller = retry_when_modified(change)
    if no_wait:
        return leave(f"Updating the deployment '{asked}'", _show(asked, endpoint))
    return dump(_finish(client, poller, f"updating {asked}", asked, endpoint))


def delete(client: MLClient, name: str, endpoint_name: str, no_wait: bool = False) -> None:
    poller = client.online_deployments.begin_delete(name, endpoint_name)
    if no_wait:
        return leave(f"Deleting the deployment '{name}'", _show(name, endpoint_name))
    _finish(client, poller, f"deleting {name}", name, endpoint_name)
    return None


def get_logs(client: MLClient, name: str, endpoint_name: str, lines: int = 5000, container: str | None = None) -> None:
    content = client.online_deployments.get_logs(name, endpoint_name, lines, container_type=container)
    sys.stdout.write(content if content.endswith("\n") or not content else f"{content}\n")


# --- private


def _finish(client: MLClient, poller: LROPoller[Any], doing: str, name: str, endpoint: str) -> Any:
    def observe_phase() -> str:
        try:
            return phase_of(client.online_deployments.get(name, endpoint))
        except TealError:
            return ""

    return finish(
        poller,
        doing=doing,
        ask_later=_show(name, endpoint),
        observe_phase=observe_phase,
        failed_hint=f"`teal online-deployment get-logs -e {endpoint} -n {name}` shows what it wrote.",
    )


def _exists(client: MLClient, name: str, endpoint: str) -> bool:
    try:
        client.online_deployments.get(name, endpoint)
    except ResourceNotFoundError:
        return False
    return True


def _show(name: str, endpoint: str) -> str:
    return f"teal online-deployment show -e {endpoint} -n {name}"
