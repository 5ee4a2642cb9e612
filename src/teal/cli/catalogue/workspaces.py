"""The commands of `workspace`, `compute` and `group`. Data only; used by cli/commands.py."""

from teal.cli import tables
from teal.cli.command import Command
from teal.cli.confirmation import ask

COMMANDS: tuple[Command, ...] = (
    Command(
        "workspace create",
        "workspaces:create",
        "Make a workspace, or make sure that it is there.",
        (
            ("By name.", "teal workspace create --name team --resource-group group"),
            ("From a YAML file.", "teal workspace create --file workspace.yml"),
        ),
        details="With the server's setting `workspaces: auto`, one that is named for the first time is made anyway.",
        table=tables.workspace,
    ),
    Command(
        "workspace show",
        "workspaces:show",
        "Show a workspace; without a name, the one commands are about.",
        (("Its location.", "teal workspace show --name team --query location"),),
        table=tables.workspace,
    ),
    Command(
        "workspace list",
        "workspaces:list_",
        "List the workspaces of a resource group.",
        (("Of the whole subscription.", "teal workspace list --all -o table"),),
        table=tables.workspaces,
    ),
    Command(
        "workspace delete",
        "workspaces:delete",
        "Delete a workspace.",
        (
            ("An empty one.", "teal workspace delete --name team --yes"),
            ("With its endpoints.", "teal workspace delete --name team --all-resources --yes"),
        ),
        confirmation=ask,
    ),
    Command(
        "workspace provision-network",
        "workspaces:provision_network",
        "Say that there is no network to provision.",
        (("As scripts do.", "teal workspace provision-network --name team"),),
        details="Who can reach the server's ports can send requests: what guards them is the machine's own firewall.",
    ),
    Command(
        "compute show",
        "computes:show",
        "Show something instances run on.",
        (("By name.", "teal compute show --name my-cluster"),),
        details="Managed online endpoints run on the server's own instances and need none.",
        table=tables.compute,
    ),
    Command(
        "compute list",
        "computes:list_",
        "List what instances run on.",
        (("As a table.", "teal compute list -o table"),),
        details="Managed online endpoints run on the server's own instances and need none.",
        table=tables.computes,
    ),
    Command(
        "group show",
        "groups:show",
        "Show a resource group; without a name, the one commands are about.",
        (("Its location.", "teal group show --name group -o tsv --query location"),),
        details="A resource group is a name, made with the first thing in it.",
    ),
    Command(
        "group create",
        "groups:create",
        "Say that there is nothing to create: a resource group is a name.",
        (("As scripts do.", "teal group create --name group --location local"),),
    ),
    Command(
        "group list",
        "groups:list_",
        "List the resource groups that have workspaces.",
        (("Names.", 'teal group list -o tsv --query "[].name"'),),
    ),
    Command(
        "group delete",
        "groups:delete",
        "Make sure that a resource group has nothing in it.",
        (("As scripts do.", "teal group delete --name group --yes"),),
        details="Refused while it has workspaces; `teal workspace delete` deletes those.",
        confirmation=ask,
    ),
    Command(
        "group exists",
        "groups:exists",
        "Whether a resource group exists: every name does.",
        (("As scripts ask.", "teal group exists --name group"),),
    ),
)
