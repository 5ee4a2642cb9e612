"""The commands of `model` (spec/azureml.md §1.13). Data only; used by cli/commands.py."""

from teal.cli import tables
from teal.cli.command import Command

COMMANDS: tuple[Command, ...] = (
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
        "model update",
        "models:update",
        "Change what is written about a version of a model.",
        (("A tag.", "teal model update --name diabetes --version 1 --set tags.stage=approved"),),
        details="Description, tags and properties can change; the files of a version cannot.",
    ),
    Command(
        "model archive",
        "models:archive",
        "Hide a version of a model, or the model as a whole, from lists.",
        (
            ("One version.", "teal model archive --name diabetes --version 1"),
            ("All of it.", "teal model archive --name diabetes"),
        ),
        details="What is deployed goes on serving, and a deployment may still name it.",
    ),
    Command(
        "model restore",
        "models:restore",
        "Show an archived version, or model, in lists again.",
        (("One version.", "teal model restore --name diabetes --version 1"),),
    ),
    Command(
        "model download",
        "models:download",
        "Fetch the files of a version of a model.",
        (("Into ./here/diabetes.", "teal model download --name diabetes --version 1 --download-path here"),),
    ),
)
