"""Every command: its name, what runs it, what its help says. Data only; cli/app.py makes knack's table of it.

Names and flags are those of `az ml` (spec/azureml.md §1.13); docs/cli.md is checked against this list.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from teal.cli import tables
from teal.cli.confirmation import ask

Example = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `handler` is `module:function` below teal.cli; a scoped one is given a client of a workspace."""

    name: str
    handler: str
    summary: str
    examples: tuple[Example, ...]
    details: str = ""
    table: Callable[[Any], Any] | None = None
    confirmation: Callable[[dict[str, Any]], bool] | None = None
    scoped: bool = True


GROUPS: Mapping[str, str] = {
    "": "Online endpoints with safe rollout, self-hosted.",
    "online-endpoint": "Endpoints: one address, a split of traffic over deployments.",
    "online-deployment": "Deployments: a model, its code and environment, and instances that serve it.",
    "model": "Registered models.",
    "environment": "Environments that code runs in.",
    "account": "The subscription commands are about.",
}

COMMANDS: tuple[Command, ...] = (
    Command(
        "up",
        "server:up",
        "Start the server: control plane, gateway, instances.",
        (("In the background, on free ports.", "teal up --detach --port 0 --gateway-port 0"),),
        details="Already running is fine. Ctrl-C stops everything; a detached server runs until `teal down`.",
        scoped=False,
    ),
    Command(
        "down",
        "server:down",
        "Stop the server and everything it started.",
        (("Stop the server of a data directory.", "teal down --data-dir ./data"),),
        scoped=False,
    ),
    Command(
        "status",
        "server:status",
        "Show whether the server runs, and where.",
        (("Look.", "teal status"),),
        scoped=False,
    ),
    Command(
        "env",
        "shells:env",
        "Print the variables that make unmodified Azure clients talk to this server.",
        (
            ("In this shell.", 'eval "$(teal env)"'),
            ("With `az` being teal, so that published scripts run.", 'eval "$(teal env --az)"'),
            ("In fish.", "teal env --shell fish | source"),
            ("For another program.", "teal env --json"),
        ),
        details="The output holds the server's token. After it azure-ai-ml works unchanged.",
        scoped=False,
    ),
    Command(
        "online-endpoint create",
        "endpoints:create",
        "Create an endpoint.",
        (
            ("From a YAML file.", "teal online-endpoint create --name my-endpoint -f endpoint.yml"),
            ("Without one.", "teal online-endpoint create --name my-endpoint --auth-mode key"),
        ),
        details="Refused if the endpoint exists; `update` changes one.",
        table=tables.endpoint,
    ),
    Command(
        "online-endpoint show",
        "endpoints:show",
        "Show an endpoint.",
        (
            ("Its traffic.", "teal online-endpoint show -n my-endpoint --query traffic"),
            ("Its address, for a script.", "teal online-endpoint show -n my-endpoint -o tsv --query scoring_uri"),
        ),
        table=tables.endpoint,
    ),
    Command(
        "online-endpoint list",
        "endpoints:list_",
        "List endpoints.",
        (("As a table.", "teal online-endpoint list -o table"),),
        table=tables.endpoints,
    ),
    Command(
        "online-endpoint update",
        "endpoints:update",
        "Change an endpoint: its traffic, its mirror, or any property.",
        (
            ("Give a new deployment ten percent.", 'teal online-endpoint update -n e --traffic "blue=90 green=10"'),
            ("Copy ten percent to it instead.", 'teal online-endpoint update -n e --mirror-traffic "green=10"'),
            ("Change a tag.", "teal online-endpoint update -n e --set tags.team=forecast"),
        ),
        details="What is not mentioned stays as it is. A refused update changes nothing.",
        table=tables.endpoint,
    ),
    Command(
        "online-endpoint delete",
        "endpoints:delete",
        "Delete an endpoint and its deployments.",
        (("Without being asked, without waiting.", "teal online-endpoint delete -n my-endpoint --yes --no-wait"),),
        confirmation=ask,
    ),
    Command(
        "online-endpoint invoke",
        "endpoints:invoke",
        "Send a request to an endpoint and print the answer.",
        (
            ("By the traffic rules.", "teal online-endpoint invoke -n my-endpoint --request-file request.json"),
            ("One deployment by name.", "teal online-endpoint invoke -n my-endpoint -d green -r request.json"),
        ),
    ),
    Command(
        "online-endpoint get-credentials",
        "endpoints:get_credentials",
        "Show the keys, or a token, of an endpoint.",
        (("One key, for a script.", "teal online-endpoint get-credentials -n e -o tsv --query primaryKey"),),
    ),
    Command(
        "online-endpoint regenerate-keys",
        "endpoints:regenerate_keys",
        "Replace one key of an endpoint; the other goes on working.",
        (("The second one.", "teal online-endpoint regenerate-keys -n my-endpoint --key-type secondary"),),
    ),
    Command(
        "online-deployment create",
        "deployments:create",
        "Create a deployment; it gets no traffic unless asked.",
        (
            ("The first, with all traffic.", "teal online-deployment create -e e -n blue -f blue.yml --all-traffic"),
            ("The next, with none.", "teal online-deployment create -e my-endpoint -n green -f green.yml"),
            ("With another size.", "teal online-deployment create -f green.yml --set instance_count=2"),
        ),
        details="Refused if the deployment exists; `update` changes one.",
        table=tables.deployment,
    ),
    Command(
        "online-deployment show",
        "deployments:show",
        "Show a deployment and what is going on with it.",
        (("Why it is not ready.", "teal online-deployment show -e e -n green --query observed.conditions"),),
        table=tables.deployment,
    ),
    Command(
        "online-deployment list",
        "deployments:list_",
        "List the deployments of an endpoint.",
        (("As a table.", "teal online-deployment list -e my-endpoint -o table"),),
        table=tables.deployments,
    ),
    Command(
        "online-deployment update",
        "deployments:update",
        "Change a deployment in place; it goes on serving meanwhile.",
        (
            ("More instances.", "teal online-deployment update -e e -n blue --set instance_count=2"),
            ("Another model.", "teal online-deployment update -e e -n blue --set model=azureml:diabetes:2"),
        ),
        details="What is not mentioned stays as it is. A failed update leaves what ran before serving.",
        table=tables.deployment,
    ),
    Command(
        "online-deployment delete",
        "deployments:delete",
        "Delete a deployment that has no live traffic.",
        (("Without being asked.", "teal online-deployment delete -e my-endpoint -n blue --yes"),),
        confirmation=ask,
    ),
    Command(
        "online-deployment get-logs",
        "deployments:get_logs",
        "Show the last lines a deployment wrote.",
        (("The last fifty.", "teal online-deployment get-logs -e my-endpoint -n green --lines 50"),),
    ),
    Command(
        "model create",
        "models:create",
        "Register a model.",
        (("A file or folder.", "teal model create --name diabetes --path model/ --type custom_model"),),
    ),
    Command(
        "model show",
        "models:show",
        "Show a version of a model.",
        (("The newest.", "teal model show --name diabetes --label latest"),),
    ),
    Command(
        "model list",
        "models:list_",
        "List models, or the versions of one.",
        (("The versions of one.", "teal model list --name diabetes -o table"),),
        table=tables.assets,
    ),
    Command(
        "environment create",
        "environments:create",
        "Register an environment.",
        (("A conda file over an image.", "teal environment create --name py --image python:3.11 --conda-file c.yaml"),),
    ),
    Command(
        "environment show",
        "environments:show",
        "Show a version of an environment.",
        (("One version.", "teal environment show --name py --version 1"),),
    ),
    Command(
        "environment list",
        "environments:list_",
        "List environments, or the versions of one.",
        (("All names.", "teal environment list -o table"),),
        table=tables.assets,
    ),
    Command(
        "account set",
        "accounts:set_",
        "Choose the subscription later commands are about.",
        (("Any name will do.", "teal account set --subscription 00000000-0000-0000-0000-000000000000"),),
        scoped=False,
    ),
    Command(
        "account show",
        "accounts:show",
        "Show the subscription commands are about.",
        (("Its id, for a script.", "teal account show -o tsv --query id"),),
        scoped=False,
    ),
    Command(
        "configure",
        "accounts:configure",
        "Set or show defaults for workspace, group and location.",
        (
            ("Set two.", "teal configure --defaults workspace=my-workspace group=my-group"),
            ("Forget one.", "teal configure --defaults group="),
            ("Show them.", "teal configure --list-defaults"),
        ),
        scoped=False,
    ),
    Command(
        "version",
        "accounts:version",
        "Show the version.",
        (("For a script.", "teal version -o tsv --query teal"),),
        scoped=False,
    ),
)

BY_NAME: Mapping[str, Command] = {command.name: command for command in COMMANDS}
