"""The CLI as knack builds it: command table, parser, help, and what an error looks like. Used by cli/main.py."""

import logging
import os
import platform
import sys
from difflib import get_close_matches
from typing import Any

from knack.cli import CLI
from knack.commands import CLICommandsLoader, CommandGroup
from knack.help import CLIHelp, CommandHelpFile, GroupHelpFile, HelpExample, HelpFile
from knack.log import get_logger
from knack.parser import CLICommandParser
from knack.util import CLIError

from teal import __version__
from teal.cli import flags
from teal.cli.command import Command
from teal.cli.commands import BY_NAME, COMMANDS, GROUPS
from teal.cli.completion import is_completing
from teal.cli.configuration import TealConfig

logger = get_logger(__name__)

NOT_FOUND = 3


class TealCLI(CLI):  # type: ignore[misc]
    """One invocation of the command line."""

    def __init__(self, **changes: Any) -> None:
        # --debug shows the client library's requests; these would show the signatures of blob addresses as well.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        super().__init__(
            cli_name="teal",
            config_cls=TealConfig,
            commands_loader_cls=TealCommandsLoader,
            parser_cls=TealParser,
            help_cls=TealHelp,
            **{"out_file": sys.stdout, **changes},
        )

    def get_cli_version(self) -> str:
        return f"teal {__version__}"

    def get_runtime_version(self) -> str:
        return f"\nPython {platform.python_version()} ({platform.system()})"

    def exception_handler(self, error: BaseException) -> int:
        """Say what went wrong and what to do next; the exit status is az's: 3 for what does not exist, else 1."""
        if isinstance(error, BrokenPipeError):
            # Nobody reads any more; cli/main.py ends quietly.
            raise error
        message, hint, status = describe_error(error)
        if message is None:
            logger.error("The command failed in a way nobody expected:", exc_info=error)
            return 1
        logger.error(message)
        if hint:
            print(hint, file=sys.stderr)
        logger.debug("raised here:", exc_info=error)
        return status


def describe_error(error: BaseException) -> tuple[str | None, str | None, int]:
    """Message, what to do next, exit status; no message for an error nobody planned."""
    if isinstance(error, CLIError):
        return str(error), getattr(error, "hint", None), getattr(error, "status", 1)
    if "teal.sdk.errors" in sys.modules:
        from teal.sdk.errors import ResourceNotFoundError, TealError

        if isinstance(error, TealError):
            return str(error), error.hint, NOT_FOUND if isinstance(error, ResourceNotFoundError) else 1
    return None, None, 1


class TealCommandsLoader(CLICommandsLoader):  # type: ignore[misc]
    """The command table, made from cli/commands.py; handlers are imported only when one of them runs."""

    def __init__(self, cli_ctx: Any = None) -> None:
        super().__init__(cli_ctx=cli_ctx, excluded_command_handler_args=["self", "kwargs", "client"])

    def load_command_table(self, args: list[str]) -> Any:
        for command in COMMANDS:
            group, _, verb = command.name.rpartition(" ")
            module, _, handler = command.handler.partition(":")
            with CommandGroup(self, group, f"teal.cli.{module}#{{}}") as table:
                table.command(
                    verb,
                    handler,
                    table_transformer=command.table,
                    confirmation=command.confirmation,
                    client_factory=_make_client if command.scoped else None,
                )
            # knack would import the handler to read its docstring; help for all commands has to be quick.
            self.command_table[command.name].description = command.summary
        return super().load_command_table(args)

    def load_arguments(self, command: str) -> None:
        if command in BY_NAME:
            flags.register(self, BY_NAME[command])
        super().load_arguments(command)


class TealParser(CLICommandParser):  # type: ignore[misc]
    """argparse with az's manners: the message first, then where to read more; exit status 2."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, but for where a word nobody knows is said to be: with the command, and its flags to hand."""
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            parser: Any = getattr(found, "_parser", self)
            parser.error(_describe_unknown(unknown, parser))
        return found

    def error(self, message: str) -> Any:
        if is_completing(os.environ):
            self.exit(2)
        logger.error(message)
        print(f"See '{self.prog} --help'.", file=sys.stderr)
        self.exit(2)


class TealHelp(CLIHelp):  # type: ignore[misc]
    """Help pages with the examples of cli/commands.py."""

    def __init__(self, cli_ctx: Any = None) -> None:
        super().__init__(
            cli_ctx=cli_ctx, group_help_cls=_GroupPage, command_help_cls=_CommandPage, help_cls=_CommandLine
        )

    def show_privacy_statement(self) -> None:
        """There is none: nothing is sent anywhere but to your own server."""


# --- private


def _describe_unknown(unknown: list[str], parser: Any) -> str:
    flags = [flag for flag in parser._option_string_actions if flag.startswith("--")]
    meant = [close[0] for word in unknown if word.startswith("-") and (close := get_close_matches(word, flags, 1))]
    question = f" Is {' and '.join(dict.fromkeys(meant))} meant?" if meant else ""
    return f"unrecognized arguments: {' '.join(unknown)}.{question}"


def _make_client(arguments: dict[str, Any]) -> Any:
    from teal.sdk.client import MLClient

    return MLClient(
        subscription_id=arguments.pop("subscription", None),
        resource_group_name=arguments.pop("resource_group_name", None),
        workspace_name=arguments.pop("workspace_name", None),
    )


class _CommandLine(HelpFile):  # type: ignore[misc]
    """A command as one line of its group's page."""

    def load(self, _options: Any) -> None:
        self.short_summary = BY_NAME[self.delimiters].summary


class _CommandPage(CommandHelpFile):  # type: ignore[misc]
    def load(self, _options: Any) -> None:
        command: Command = BY_NAME[self.delimiters]
        self.short_summary, self.long_summary = command.summary, command.details
        self.examples = [HelpExample({"name": name, "text": text}) for name, text in command.examples]


class _GroupPage(GroupHelpFile):  # type: ignore[misc]
    def load(self, _options: Any) -> None:
        self.short_summary = GROUPS.get(self.delimiters, "")
