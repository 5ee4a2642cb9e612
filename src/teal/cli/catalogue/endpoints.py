"""The commands of `online-endpoint` (spec/azureml.md §1.13). Data only; used by cli/commands.py."""

from teal.cli import tables
from teal.cli.command import Command
from teal.cli.confirmation import ask

COMMANDS: tuple[Command, ...] = (
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
)
