"""The commands of `environment` (spec/azureml.md §1.13). Data only; used by cli/commands.py."""

from teal.cli import tables
from teal.cli.command import Command

COMMANDS: tuple[Command, ...] = (
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
        "environment update",
        "environments:update",
        "Change what is written about a version of an environment.",
        (("Its description.", 'teal environment update --name py --version 1 --set description="for tabular models"'),),
        details="Description, tags and properties can change; the content of a version cannot.",
    ),
    Command(
        "environment archive",
        "environments:archive",
        "Hide a version of an environment, or the environment as a whole, from lists.",
        (("One version.", "teal environment archive --name py --version 1"),),
        details="What is deployed goes on serving, and a deployment may still name it.",
    ),
    Command(
        "environment restore",
        "environments:restore",
        "Show an archived version, or environment, in lists again.",
        (("One version.", "teal environment restore --name py --version 1"),),
    ),
)
