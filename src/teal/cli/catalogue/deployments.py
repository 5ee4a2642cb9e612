"""The commands of `online-deployment` (spec/azureml.md §1.13), and `check`. Data only; used by cli/commands.py."""

from teal.cli import tables
from teal.cli.command import Command
from teal.cli.confirmation import ask

COMMANDS: tuple[Command, ...] = (
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
        "check",
        "check:check",
        "Build, start and ask a deployment once, before there is one.",
        (
            (
                "Before anything is deployed.",
                "teal check --file blue-deployment.yml --request-file sample-request.json",
            ),
            ("With another model.", "teal check -f blue-deployment.yml --set model=azureml:diabetes:2"),
        ),
        details="No endpoint is touched, and the endpoint of the file need not exist. The environment that is built "
        "is the one a later `online-deployment create` finds. Exit status 0: it can be deployed. Ctrl-C leaves "
        "nothing running.",
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
)
