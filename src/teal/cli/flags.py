"""The flags of every command: long and short forms as `az ml` has them (spec/azureml.md §1.13). Used by cli/app.py."""

import argparse
import sys
from typing import Any

from knack.arguments import ArgumentsContext, enum_choice_list
from knack.log import get_logger

from teal.cli.command import Command

logger = get_logger(__name__)


def register(loader: Any, command: Command) -> None:
    """Tell knack the flags of one command; which of them it has follows from its handler's arguments."""
    with ArgumentsContext(loader, command.name) as context:
        for argument, settings in {**_SCOPE, **_FLAGS, **_SPECIAL.get(command.name, {})}.items():
            context.argument(argument, **settings)
        for argument, settings in _POSITIONAL.get(command.name, {}).items():
            context.positional(argument, **settings)
        if command.scoped:
            for argument, settings in _SCOPE.items():
                context.extra(argument, **settings)
        for flag, sentence in _LATER.get(command.name.rpartition(" ")[0], {}).items():
            context.extra(
                "_later_" + flag.strip("-").replace("-", "_"),
                options_list=[flag],
                action=_later(sentence),
                nargs="?",
                default=argparse.SUPPRESS,
                help=argparse.SUPPRESS,
            )


# --- private


class _InOrder(argparse.Action):
    """--set, --add and --remove may be given several times and mixed: each remembers its place in the line."""

    def __call__(self, _parser: Any, namespace: Any, values: Any, _option: str | None = None) -> None:
        place = getattr(namespace, "_changes_given", 0)
        namespace._changes_given = place + 1
        setattr(namespace, self.dest, [*(getattr(namespace, self.dest) or ()), (place, list(values))])


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


def _later(sentence: str) -> type[argparse.Action]:
    class Later(argparse.Action):
        def __call__(self, parser: Any, _namespace: Any, _values: Any, option: str | None = None) -> None:
            logger.error("%s is not offered yet: %s", option, sentence)
            sys.exit(2)

    return Later


_LOCAL = "a Teal server on this machine (`teal up`) does the same without Docker."
_WEB = "there are no web pages yet."
_LATER = {
    "online-endpoint": {"--local": _LOCAL, "--web": _WEB},
    "online-deployment": {
        "--local": _LOCAL,
        "--web": _WEB,
        "--local-enable-gpu": _LOCAL,
        "--vscode-debug": "attach a debugger to the instance's process instead.",
        "--acquire-policy-token": "there are no policies.",
        "--change-reference": "there are no policies.",
        "--package-model": "a deployment's environment is built where it runs.",
        "--with-package": "a deployment's environment is built where it runs.",
    },
    "model": {"--registry-name": "there are no registries, only workspaces."},
    "environment": {"--registry-name": "there are no registries, only workspaces."},
}

_SCOPE: dict[str, dict[str, Any]] = {
    "resource_group_name": {
        "options_list": ["--resource-group", "-g"],
        "help": "Name of the resource group; a default is set with `teal configure --defaults group=NAME`.",
    },
    "workspace_name": {
        "options_list": ["--workspace-name", "-w"],
        "help": "Name of the workspace; a default is set with `teal configure --defaults workspace=NAME`.",
    },
    "subscription": {"options_list": ["--subscription"], "help": "Name or id of the subscription."},
}

_FLAGS: dict[str, dict[str, Any]] = {
    "name": {"options_list": ["--name", "-n"], "help": "Name."},
    "version": {"options_list": ["--version", "-v"], "help": "Version."},
    "label": {"options_list": ["--label", "-l"], "help": "Label, instead of a version: latest."},
    "endpoint_name": {"options_list": ["--endpoint-name", "-e"], "help": "Name of the endpoint."},
    "file": {"options_list": ["--file", "-f"], "help": "YAML file that describes it."},
    "no_wait": {"options_list": ["--no-wait"], "action": "store_true", "help": "Do not wait for it to finish."},
    "set_values": {
        "options_list": ["--set"],
        "nargs": "+",
        "action": _InOrder,
        "metavar": "PATH=VALUE",
        "help": "Set properties: --set instance_count=2 tags.team=forecast.",
    },
    "add_values": {
        "options_list": ["--add"],
        "nargs": "+",
        "action": _InOrder,
        "metavar": "LIST VALUE",
        "help": "Add to a list or a map: --add data_collector.request_logging.capture_headers x-user.",
    },
    "remove_values": {
        "options_list": ["--remove"],
        "nargs": "+",
        "action": _InOrder,
        "metavar": "PATH [INDEX]",
        "help": "Remove a property, or the element at an index of a list: --remove tags.team.",
    },
    "force_string": {
        "options_list": ["--force-string"],
        "action": "store_true",
        "help": "Take values of --set and --add as text, never as JSON.",
    },
    "description": {"options_list": ["--description"], "help": "Description."},
    "tags": {"options_list": ["--tags"], "nargs": "+", "metavar": "KEY=VALUE", "help": "Tags."},
    "datastore": {"options_list": ["--datastore"], "help": "Datastore to send files to."},
    "max_results": {"options_list": ["--max-results", "-r"], "type": int, "help": "How many to show at most."},
    "include_archived": {"options_list": ["--include-archived"], "action": "store_true", "help": "Archived ones too."},
    "archived_only": {"options_list": ["--archived-only"], "action": "store_true", "help": "Only archived ones."},
    # online-endpoint
    "auth_mode": {
        "options_list": ["--auth-mode"],
        "help": "How callers show who they are.",
        **enum_choice_list(["key", "aml_token", "aad_token"]),
    },
    "traffic": {
        "options_list": ["--traffic", "-r"],
        "nargs": "+",
        "metavar": "NAME=PERCENT",
        "help": 'Live traffic in percent, 0 or 100 in total: --traffic "blue=90 green=10".',
    },
    "mirror_traffic": {
        "options_list": ["--mirror-traffic"],
        "nargs": "+",
        "metavar": "NAME=PERCENT",
        "help": 'Copies of live traffic for one deployment, at most 50 percent: --mirror-traffic "green=10".',
    },
    "deployment_name": {"options_list": ["--deployment-name", "-d"], "help": "Name of the deployment."},
    "request_file": {"options_list": ["--request-file", "-r"], "help": "JSON file to send."},
    "key_type": {
        "options_list": ["--key-type"],
        "help": "Which key to replace.",
        **enum_choice_list(["primary", "secondary"]),
    },
    # online-deployment
    "all_traffic": {
        "options_list": ["--all-traffic"],
        "action": "store_true",
        "help": "Give it all traffic once it is ready.",
    },
    "skip_script_validation": {
        "options_list": ["--skip-script-validation"],
        "action": "store_true",
        "help": "Send the scoring script without looking at it.",
    },
    "lines": {"options_list": ["--lines", "-l"], "type": int, "help": "How many lines at most."},
    "container": {
        "options_list": ["--container", "-c"],
        "help": "Whose log: the model server's, or that of what fetches files for it.",
        **enum_choice_list(["inference-server", "storage-initializer"]),
    },
    # model, environment
    "path": {"options_list": ["--path", "-p"], "help": "File or folder of the model."},
    "asset_type": {
        "options_list": ["--type", "-t"],
        "help": "What the model is stored as.",
        **enum_choice_list(["custom_model", "mlflow_model", "triton_model"]),
    },
    "image": {"options_list": ["--image", "-i"], "help": "Container image."},
    "conda_file": {"options_list": ["--conda-file", "-c"], "help": "Conda file."},
    "build_context": {"options_list": ["--build-context", "-b"], "help": "Folder with a Dockerfile."},
    "dockerfile_path": {"options_list": ["--dockerfile-path", "-d"], "help": "The Dockerfile in that folder."},
    "os_type": {"options_list": ["--os-type"], "help": "Operating system.", **enum_choice_list(["linux", "windows"])},
    # server and settings
    "data_dir": {
        "options_list": ["--data-dir"],
        "help": "Where the server keeps everything; TEAL_DATA_DIR, else ~/.teal.",
    },
    "port": {"options_list": ["--port"], "type": int, "help": "Port of the control plane; 0 picks a free one."},
    "gateway_port": {"options_list": ["--gateway-port"], "type": int, "help": "Port requests are sent to."},
    "host": {"options_list": ["--host"], "help": "Address to listen on."},
    "keep_serving": {
        "options_list": ["--keep-serving"],
        "action": "store_true",
        "help": "Only the control plane: gateway and instances serve on until the next `teal up`.",
    },
    "detach": {"options_list": ["--detach"], "action": "store_true", "help": "Return once the server runs."},
    "shell": {
        "options_list": ["--shell"],
        "help": "Whose grammar to print; by default that of SHELL.",
        **enum_choice_list(["bash", "zsh", "fish"]),
    },
    "as_json": {"options_list": ["--json"], "action": "store_true", "help": "Print them as JSON instead."},
    "az": {
        "options_list": ["--az"],
        "action": "store_true",
        "help": "Also put a folder on PATH with a program `az` that is teal.",
    },
    # workspace, compute, group
    "location": {"options_list": ["--location", "-l"], "help": "Location; kept and shown."},
    "managed_network": {
        "options_list": ["--managed-network", "-m"],
        "help": "Accepted and not used: there are no networks.",
    },
    "include_spark": {"options_list": ["--include-spark"], "action": "store_true", "help": "Accepted and not used."},
    "display_name": {"options_list": ["--display-name"], "help": "Name for people."},
    "whole_subscription": {
        "options_list": ["--all"],
        "action": "store_true",
        "help": "Those of all resource groups of the subscription.",
    },
    "all_resources": {
        "options_list": ["--all-resources", "-a"],
        "action": "store_true",
        "help": "Delete its endpoints first.",
    },
    "compute_type": {"options_list": ["--type"], "help": "Only those of one type."},
    # model download, apply, completion
    "download_path": {"options_list": ["--download-path", "-p"], "help": "Folder to put them below."},
    "dry_run": {"options_list": ["--dry-run"], "action": "store_true", "help": "Only show what would change."},
    # monitor autoscale
    "autoscale_name": {"options_list": ["--autoscale-name"], "help": "Name of the autoscale setting."},
    "profile_name": {"options_list": ["--profile-name"], "help": "Name of the profile."},
    "resource": {"options_list": ["--resource"], "help": "Id of the deployment; for a rule, of what is measured."},
    "count": {"options_list": ["--count"], "type": int, "help": "How many instances where nothing is known."},
    "min_count": {"options_list": ["--min-count"], "type": int, "help": "At least so many; by default --count."},
    "max_count": {"options_list": ["--max-count"], "type": int, "help": "At most so many; by default --count."},
    "disabled": {"options_list": ["--disabled"], "action": "store_true", "help": "Create it switched off."},
    "enabled": {
        "options_list": ["--enabled"],
        "help": "Whether it is in force.",
        "type": _boolean,
        "metavar": "{false,true}",
    },
    "condition": {
        "options_list": ["--condition"],
        "nargs": "+",
        "metavar": "CONDITION",
        "help": 'When: --condition "CpuUtilizationPercentage > 70 avg 5m".',
    },
    "scale": {
        "options_list": ["--scale"],
        "nargs": "+",
        "metavar": "HOW",
        "help": "What then: out 2, in 1, out 20%% or to 5.",
    },
    "cooldown": {"options_list": ["--cooldown"], "type": int, "help": "Minutes until the rule may act again."},
    "timegrain": {"options_list": ["--timegrain"], "nargs": "+", "help": 'How the metric is read: "avg 1m".'},
    "index": {"options_list": ["--index"], "nargs": "+", "help": "Places of rules in their list, from 0; or '*'."},
    "recurrence": {"options_list": ["--recurrence", "-r"], "nargs": "+", "help": "Days: week sat sun."},
    "start": {"options_list": ["--start"], "help": "Time of day of a recurrence, else a date."},
    "end": {"options_list": ["--end"], "help": "Date it ends."},
    "timezone": {"options_list": ["--timezone"], "help": "Time zone of these."},
    "copy_rules": {"options_list": ["--copy-rules"], "help": "Profile whose rules it starts with."},
    # account, config, extension
    "username": {"options_list": ["--username", "-u"], "help": "Accepted and not used."},
    "password": {"options_list": ["--password", "-p"], "help": "Accepted and not used."},
    "tenant": {"options_list": ["--tenant", "-t"], "help": "Accepted and not used."},
    "service_principal": {
        "options_list": ["--service-principal"],
        "action": "store_true",
        "help": "Accepted and not used.",
    },
    "identity": {"options_list": ["--identity", "-i"], "action": "store_true", "help": "Accepted and not used."},
    "use_device_code": {
        "options_list": ["--use-device-code"],
        "action": "store_true",
        "help": "Accepted and not used.",
    },
    "federated_token": {"options_list": ["--federated-token"], "help": "Accepted and not used."},
    "allow_no_subscriptions": {
        "options_list": ["--allow-no-subscriptions"],
        "action": "store_true",
        "help": "Accepted and not used.",
    },
    "resource_type": {"options_list": ["--resource-type"], "help": "Accepted and not used."},
    "scope": {"options_list": ["--scope"], "help": "Accepted and not used."},
    "source": {"options_list": ["--source", "-s"], "help": "Accepted and not used."},
    "yes": {"options_list": ["--yes", "-y"], "action": "store_true", "help": "Accepted and not used."},
    "upgrade": {"options_list": ["--upgrade", "-U"], "action": "store_true", "help": "Accepted and not used."},
    "all_extensions": {"options_list": ["--all"], "nargs": "?", "const": "true", "help": "Accepted and not used."},
    # storage
    "destination": {"options_list": ["--destination", "-d"], "help": "Container, or container/path: azureml/model."},
    "destination_path": {"options_list": ["--destination-path"], "help": "Path below that."},
    "pattern": {"options_list": ["--pattern"], "help": "Only files like this: '*.py'."},
    "account_name": {"options_list": ["--account-name"], "help": "Accepted and not used: there is one."},
    "overwrite": {"options_list": ["--overwrite"], "nargs": "?", "const": "true", "help": "Accepted and not used."},
    "no_progress": {"options_list": ["--no-progress"], "action": "store_true", "help": "Accepted and not used."},
    # configure
    "defaults": {
        "options_list": ["--defaults", "-d"],
        "nargs": "+",
        "metavar": "KEY=VALUE",
        "help": "Defaults to set: workspace, group, location; an empty value forgets one.",
    },
    "list_defaults": {"options_list": ["--list-defaults", "-l"], "action": "store_true", "help": "Show the defaults."},
}

_DEPLOYMENT_NAME = {"options_list": ["--name", "-n", "--deployment-name", "-d"], "help": "Name of the deployment."}
_SPECIAL: dict[str, dict[str, dict[str, Any]]] = {
    **{
        f"online-deployment {verb}": {"name": _DEPLOYMENT_NAME}
        for verb in ("create", "show", "update", "delete", "get-logs")
    },
    "check": {
        "name": _DEPLOYMENT_NAME,
        "request_file": {
            "options_list": ["--request-file", "-r"],
            "help": "File to send to it, JSON unless its name says otherwise; else an MLflow model's own example.",
        },
    },
    "apply": {
        "file": {
            "options_list": ["--file", "-f"],
            "action": "append",
            "help": "YAML file; may be repeated, - is stdin.",
        }
    },
    "account get-access-token": {
        "scope": {"options_list": ["--scope"], "nargs": "+", "help": "Accepted and not used."},
        "resource": {"options_list": ["--resource"], "help": "Accepted and not used."},
    },
    **{
        f"monitor autoscale {verb}": {
            "name": {"options_list": ["--name", "-n", "--autoscale-name"], "help": "Name of the autoscale setting."}
        }
        for verb in ("create", "show", "update", "delete")
    },
    **{
        f"monitor autoscale profile {verb}": {
            "name": {"options_list": ["--name", "-n"], "help": "Name of the profile."}
        }
        for verb in ("create", "show", "delete")
    },
    "storage blob upload-batch": {
        "source": {"options_list": ["--source", "-s"], "help": "The folder."},
        "auth_mode": {"options_list": ["--auth-mode"], "help": "Accepted and not used."},
    },
    "account set": {"subscription": {"options_list": ["--subscription", "--name", "-s", "-n"], "help": "Name or id."}},
}
_POSITIONAL: dict[str, dict[str, dict[str, Any]]] = {
    "config get": {"key": {"nargs": "?", "help": "SECTION or SECTION.NAME; without it, everything."}},
    "config set": {"key_value": {"nargs": "+", "help": "SECTION.NAME=VALUE, one or more."}},
    "config unset": {"key": {"nargs": "+", "help": "SECTION.NAME, one or more."}},
}
