"""`teal monitor autoscale …`: rules that say how many instances a deployment has. They are kept and shown; nothing acts
on them yet, and every command that sets one says so. One function a command; used by the command table.

A setting is kept with its deployment, as the extension member `properties.autoscale` of the resource, in the shape
Azure Monitor gives it (spec/azureml.md §1.8).
"""

from collections.abc import Callable, Iterator
from typing import Any

from knack.log import get_logger
from knack.util import CLIError

from teal.cli.autoscale_rules import (
    DEFAULT_PROFILE,
    AutoscaleTarget,
    build_profile,
    build_rule,
    build_setting,
    find_profile,
    parse_target,
)
from teal.cli.races import retry_when_modified
from teal.sdk.client import MLClient
from teal.sdk.errors import ResourceNotFoundError

logger = get_logger(__name__)

Setting = dict[str, Any]


def create(
    client: MLClient,
    resource: str,
    count: int,
    name: str | None = None,
    min_count: int | None = None,
    max_count: int | None = None,
    disabled: bool = False,
    location: str | None = None,
    tags: list[str] | None = None,
) -> Any:
    del location, tags
    target = parse_target(resource)
    setting = build_setting(
        name or target.deployment, resource, count=count, minimum=min_count, maximum=max_count, enabled=not disabled
    )
    there, etag = client.online_deployments.get_autoscale(target.deployment, target.endpoint)
    if there and str(there["name"]).lower() != setting["name"].lower():
        raise CLIError(
            f"The deployment '{target.deployment}' has the autoscale setting '{there['name']}' already."
            f" `teal monitor autoscale delete --name {there['name']}` removes it."
        )
    _save(client, target, setting, etag)
    return _describe(client, setting)


def show(client: MLClient, name: str) -> Any:
    return _describe(client, _find(client, name)[1])


def list_(client: MLClient) -> Any:
    return [_describe(client, setting) for _, setting in _settings(client)]


def update(
    client: MLClient,
    name: str,
    count: int | None = None,
    min_count: int | None = None,
    max_count: int | None = None,
    enabled: bool | None = None,
) -> Any:
    def change(setting: Setting) -> None:
        if enabled is not None:
            setting["enabled"] = enabled
        capacity = find_profile(setting, DEFAULT_PROFILE)["capacity"]
        for key, value in (("default", count), ("minimum", min_count), ("maximum", max_count)):
            if value is not None:
                capacity[key] = str(value)

    return _describe(client, _change(client, name, change))


def delete(client: MLClient, name: str) -> None:
    target, _ = _find(client, name)
    client.online_deployments.set_autoscale(target.deployment, target.endpoint, None)


def create_rule(
    client: MLClient,
    autoscale_name: str,
    condition: list[str],
    scale: list[str],
    cooldown: int = 5,
    profile_name: str = DEFAULT_PROFILE,
    timegrain: list[str] | None = None,
    resource: str | None = None,
) -> Any:
    def change(setting: Setting) -> None:
        rule = build_rule(
            " ".join(condition),
            scale,
            cooldown_min=cooldown,
            timegrain=" ".join(timegrain or ()),
            resource=resource or setting["targetResourceUri"],
        )
        find_profile(setting, profile_name)["rules"].append(rule)

    return find_profile(_change(client, autoscale_name, change), profile_name)["rules"][-1]


def list_rules(client: MLClient, autoscale_name: str, profile_name: str = DEFAULT_PROFILE) -> Any:
    return find_profile(_find(client, autoscale_name)[1], profile_name)["rules"]


def delete_rules(client: MLClient, autoscale_name: str, index: list[str], profile_name: str = DEFAULT_PROFILE) -> None:
    def change(setting: Setting) -> None:
        rules = find_profile(setting, profile_name)["rules"]
        if index == ["*"]:
            rules.clear()
            return
        places = sorted({int(each) for each in index if each.isdigit()}, reverse=True)
        if len(places) != len(index) or (places and places[0] >= len(rules)):
            raise CLIError(f"--index takes places of rules from 0 to {len(rules) - 1}, or '*'.")
        for place in places:
            del rules[place]

    _change(client, autoscale_name, change)


def create_profile(
    client: MLClient,
    autoscale_name: str,
    name: str,
    count: int,
    min_count: int | None = None,
    max_count: int | None = None,
    recurrence: list[str] | None = None,
    start: str | None = None,
    end: str | None = None,
    timezone: str | None = None,
    copy_rules: str | None = None,
) -> Any:
    def change(setting: Setting) -> None:
        profile = build_profile(
            name,
            count=count,
            minimum=min_count,
            maximum=max_count,
            recurrence=recurrence,
            start=start,
            end=end,
            timezone=timezone,
        )
        if copy_rules:
            profile["rules"] = list(find_profile(setting, copy_rules)["rules"])
        setting["profiles"] = [each for each in setting["profiles"] if each["name"] != name] + [profile]

    return find_profile(_change(client, autoscale_name, change), name)


def list_profiles(client: MLClient, autoscale_name: str) -> Any:
    return _find(client, autoscale_name)[1]["profiles"]


def show_profile(client: MLClient, autoscale_name: str, name: str) -> Any:
    return find_profile(_find(client, autoscale_name)[1], name)


def delete_profile(client: MLClient, autoscale_name: str, name: str) -> None:
    def change(setting: Setting) -> None:
        if name == DEFAULT_PROFILE:
            raise CLIError("The default profile cannot be deleted; delete the whole setting.")
        find_profile(setting, name)
        setting["profiles"] = [each for each in setting["profiles"] if each["name"] != name]

    _change(client, autoscale_name, change)


# --- private


def _settings(client: MLClient) -> Iterator[tuple[AutoscaleTarget, Setting]]:
    for endpoint in client.online_endpoints.list():
        for deployment, setting in client.online_deployments.list_autoscale(str(endpoint.name)):
            yield AutoscaleTarget(str(endpoint.name), deployment), setting


def _find(client: MLClient, name: str) -> tuple[AutoscaleTarget, Setting]:
    for target, setting in _settings(client):
        if str(setting.get("name")).lower() == name.lower():
            return target, setting
    raise _missing(client, name)


def _missing(client: MLClient, name: str) -> ResourceNotFoundError:
    return ResourceNotFoundError(
        f"There is no autoscale setting named '{name}' in the workspace '{client.workspace_name}'.",
        status_code=404,
        code="ResourceNotFound",
        hint="`teal monitor autoscale list` shows what there is.",
    )


def _change(client: MLClient, name: str, change: Callable[[Setting], None]) -> Setting:
    def read_and_change() -> Setting:
        target, _ = _find(client, name)
        setting, etag = client.online_deployments.get_autoscale(target.deployment, target.endpoint)
        if setting is None:
            raise _missing(client, name)
        change(setting)
        _save(client, target, setting, etag)
        return setting

    return retry_when_modified(read_and_change)


def _save(client: MLClient, target: AutoscaleTarget, setting: Setting, etag: str | None) -> None:
    client.online_deployments.set_autoscale(target.deployment, target.endpoint, setting, etag=etag)
    logger.warning("Kept and shown, but nothing acts on autoscale settings yet: the number of instances stays.")


def _describe(client: MLClient, setting: Setting) -> dict[str, Any]:
    scope = f"/subscriptions/{client.subscription_id}/resourceGroups/{client.resource_group_name}"
    return {
        **setting,
        "id": f"{scope}/providers/microsoft.insights/autoscalesettings/{setting['name']}",
        "resourceGroup": client.resource_group_name,
        "type": "Microsoft.Insights/autoscaleSettings",
    }
