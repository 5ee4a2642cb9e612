"""Which assets a list shows: the live ones, the archived ones, or both. Pure; used by `list` commands."""


def choose_view(include_archived: bool, archived_only: bool) -> str:
    """The wire's word for it (spec/wire.md §3.4)."""
    if archived_only:
        return "ArchivedOnly"
    return "All" if include_archived else "ActiveOnly"
