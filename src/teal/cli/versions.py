"""The commands that are the same for everything that has versions. Used by cli/models.py and cli/environments.py."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple, Protocol

from knack.util import CLIError

from teal.cli.changes import Given, apply_changes, build_changes, refuse_other_identity
from teal.cli.views import choose_view
from teal.sdk.client import MLClient
from teal.sdk.entities.dumping import dump
from teal.sdk.loading import place_here
from teal.sdk.shapes import Place


class Operations(Protocol):
    """`client.models` or `client.environments`."""

    def get(self, name: str, version: str | None = None, label: str | None = None, /) -> Any: ...
    def list(self, name: str | None = None, /, *, list_view_type: Any) -> Iterable[Any]: ...
    def create_or_update(self, entity: Any, /) -> Any: ...
    def archive(self, name: str, version: str | None = None, label: str | None = None, /) -> None: ...
    def restore(self, name: str, version: str | None = None, label: str | None = None, /) -> None: ...


class VersionCommands(NamedTuple):
    """Handlers as the command table takes them: functions, never methods (knack would drop the object)."""

    show: Callable[..., Any]
    list_: Callable[..., Any]
    update: Callable[..., Any]
    archive: Callable[..., None]
    restore: Callable[..., None]


def build_version_commands(
    of: Callable[[MLClient], Operations], parse: Callable[[dict[str, Any], Place], Any], *, fixed: Sequence[str]
) -> VersionCommands:
    """The commands of one kind; `fixed` is what makes a version what it is."""

    def show(client: MLClient, name: str, version: str | None = None, label: str | None = None) -> Any:
        return dump(of(client).get(name, version, label))

    def list_(
        client: MLClient,
        name: str | None = None,
        max_results: int | None = None,
        include_archived: bool = False,
        archived_only: bool = False,
    ) -> Any:
        found = of(client).list(name, list_view_type=choose_view(include_archived, archived_only))
        return [dump(each) for each in islice(found, max_results)]

    def update(
        client: MLClient,
        name: str,
        version: str | None = None,
        label: str | None = None,
        set_values: Given = None,
        add_values: Given = None,
        remove_values: Given = None,
        force_string: bool = False,
    ) -> Any:
        changes = build_changes(set_values, add_values, remove_values, force_string=force_string)
        if not changes:
            raise CLIError("Nothing to change. Give --set, --add or --remove.")
        before = dump(of(client).get(name, version, label))
        wanted = apply_changes(before, changes)
        refuse_other_identity(before, wanted, fixed)
        return dump(of(client).create_or_update(parse(wanted, place_here("the update"))))

    def archive(client: MLClient, name: str, version: str | None = None, label: str | None = None) -> None:
        of(client).archive(name, version, label)

    def restore(client: MLClient, name: str, version: str | None = None, label: str | None = None) -> None:
        of(client).restore(name, version, label)

    return VersionCommands(show, list_, update, archive, restore)
