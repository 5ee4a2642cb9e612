"""The commands that start, stop and describe a server, and lead clients to it. Data only; used by cli/commands.py."""

from teal.cli import tables
from teal.cli.command import Command

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
        (
            ("Stop the server of a data directory.", "teal down --data-dir ./data"),
            ("Before an upgrade: what serves goes on serving.", "teal down --keep-serving"),
        ),
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
        "completion",
        "completion:completion",
        "Print what a shell needs to complete commands with the Tab key.",
        (
            ("In bash or zsh.", 'eval "$(teal completion)"'),
            ("In fish.", "teal completion --shell fish | source"),
        ),
        scoped=False,
    ),
    Command(
        "apply",
        "apply:apply",
        "Make what a YAML file describes; change what differs, leave alone what does not.",
        (
            ("See first what would change.", "teal apply --file rollout.yml --dry-run"),
            ("Then do it.", "teal apply --file rollout.yml"),
        ),
        details="A file may hold several documents: models, environments, endpoints, deployments. They are taken in "
        "the order in which one needs another, an endpoint's traffic last. What a document does not mention stays.",
        table=tables.steps,
    ),
)
