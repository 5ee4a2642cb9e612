"""Every command and every group of them; cli/app.py makes knack's table of it.

Names and flags are those of `az ml` (spec/azureml.md §1.13); docs/cli.md and docs/cli-reference.md are held to this.
"""

from collections.abc import Mapping

from teal.cli.catalogue import accounts, autoscale, deployments, endpoints, environments, models, server, workspaces
from teal.cli.command import Command

GROUPS: Mapping[str, str] = {
    "": "Online endpoints with safe rollout, self-hosted.",
    "online-endpoint": "Endpoints: one address, a split of traffic over deployments.",
    "online-deployment": "Deployments: a model, its code and environment, and instances that serve it.",
    "model": "Registered models.",
    "environment": "Environments that code runs in.",
    "workspace": "Workspaces: scopes of names.",
    "compute": "What instances run on.",
    "group": "Resource groups: names, nothing more.",
    "account": "The subscription commands are about, and the token of the server.",
    "config": "Settings of the command line.",
    "extension": "What az installs; here it is built in.",
    "storage": "Files in the workspace's datastore.",
    "storage blob": "Files in the workspace's datastore.",
    "monitor": "What is watched.",
    "monitor autoscale": "How many instances a deployment may have; kept and shown, not acted on yet.",
    "monitor autoscale rule": "When to have more instances, or fewer.",
    "monitor autoscale profile": "Other bounds for some days, or between two dates.",
}

COMMANDS: tuple[Command, ...] = (
    *server.COMMANDS,
    *endpoints.COMMANDS,
    *deployments.COMMANDS,
    *models.COMMANDS,
    *environments.COMMANDS,
    *workspaces.COMMANDS,
    *accounts.COMMANDS,
    *autoscale.COMMANDS,
)

BY_NAME: Mapping[str, Command] = {command.name: command for command in COMMANDS}
