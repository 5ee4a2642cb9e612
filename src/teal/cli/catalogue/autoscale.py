"""The commands of `monitor autoscale` (spec/azureml.md §1.8). Data only; used by cli/commands.py."""

from teal.cli import tables
from teal.cli.command import Command

_LATER = "It is kept and shown; nothing acts on it yet."
_ID = "DEPLOYMENT_ID=$(teal online-deployment show -e e -n blue -o tsv --query id)"

COMMANDS: tuple[Command, ...] = (
    Command(
        "monitor autoscale create",
        "autoscale:create",
        "Say between which bounds the number of a deployment's instances may be.",
        (
            ("The deployment it is for.", _ID),
            (
                "From two to five, two to begin with.",
                "teal monitor autoscale create --name a --resource $DEPLOYMENT_ID "
                "--min-count 2 --max-count 5 --count 2",
            ),
        ),
        details=_LATER,
    ),
    Command(
        "monitor autoscale show",
        "autoscale:show",
        "Show an autoscale setting.",
        (("Its rules.", 'teal monitor autoscale show --name a --query "profiles[].rules"'),),
    ),
    Command(
        "monitor autoscale list",
        "autoscale:list_",
        "List the autoscale settings of a workspace.",
        (("As a table.", "teal monitor autoscale list -o table"),),
        table=tables.autoscale_settings,
    ),
    Command(
        "monitor autoscale update",
        "autoscale:update",
        "Change bounds, or switch a setting off and on.",
        (("Off.", "teal monitor autoscale update --name a --enabled false"),),
        details=_LATER,
    ),
    Command(
        "monitor autoscale delete",
        "autoscale:delete",
        "Delete an autoscale setting.",
        (("By name.", "teal monitor autoscale delete --name a"),),
    ),
    Command(
        "monitor autoscale rule create",
        "autoscale:create_rule",
        "Say when to have more instances, or fewer.",
        (
            (
                "Two more when the processors are busy.",
                "teal monitor autoscale rule create --autoscale-name a "
                '--condition "CpuUtilizationPercentage > 70 avg 5m" --scale out 2',
            ),
        ),
        details=_LATER,
    ),
    Command(
        "monitor autoscale rule list",
        "autoscale:list_rules",
        "List the rules of a profile.",
        (("Of the default profile.", "teal monitor autoscale rule list --autoscale-name a"),),
    ),
    Command(
        "monitor autoscale rule delete",
        "autoscale:delete_rules",
        "Delete rules by their place in the list.",
        (("The first.", "teal monitor autoscale rule delete --autoscale-name a --index 0"),),
    ),
    Command(
        "monitor autoscale profile create",
        "autoscale:create_profile",
        "Say other bounds for some days or between two dates.",
        (
            (
                "At weekends.",
                "teal monitor autoscale profile create --autoscale-name a --name weekend "
                '--count 2 --recurrence week sat sun --timezone "Pacific Standard Time"',
            ),
        ),
        details=_LATER,
    ),
    Command(
        "monitor autoscale profile list",
        "autoscale:list_profiles",
        "List the profiles of a setting.",
        (("All.", "teal monitor autoscale profile list --autoscale-name a"),),
    ),
    Command(
        "monitor autoscale profile show",
        "autoscale:show_profile",
        "Show a profile.",
        (("The default one.", "teal monitor autoscale profile show --autoscale-name a --name default"),),
    ),
    Command(
        "monitor autoscale profile delete",
        "autoscale:delete_profile",
        "Delete a profile.",
        (("By name.", "teal monitor autoscale profile delete --autoscale-name a --name weekend"),),
    ),
)
