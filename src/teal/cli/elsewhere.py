"""Commands of `az` that Teal has not: each ends with status 2 and one sentence. Pure; used by cli/main.py."""

from collections.abc import Mapping, Sequence

_ONLINE = "Teal has online endpoints only"
_TRAINING = "Teal serves models, and trains none"
_AZURE = "that is another product of Azure, and not here"

#: By the first words of a command.
SENTENCES: Mapping[tuple[str, ...], str] = {
    ("model", "package"): "a deployment's environment is built where it runs; deploy the model as it is",
    ("model", "share"): "there are no registries, only workspaces; `teal model create` registers it in another one",
    ("model", "delete"): "versions stay for what refers to them; `teal model archive` hides one",
    ("environment", "share"): "there are no registries; `teal environment create` registers it in another workspace",
    ("environment", "delete"): "versions stay for what refers to them; `teal environment archive` hides one",
    ("endpoint",): "the commands are `online-endpoint` and `online-deployment`",
    ("batch-endpoint",): _ONLINE,
    ("batch-deployment",): _ONLINE,
    ("serverless-endpoint",): _ONLINE,
    ("job",): _TRAINING,
    ("component",): _TRAINING,
    ("schedule",): _TRAINING,
    ("data",): "Teal serves models, and keeps no data sets",
    ("dataset",): "Teal serves models, and keeps no data sets",
    ("datastore",): "files lie in the one store that Teal has",
    ("registry",): "there are no registries, only workspaces",
    ("connection",): "secrets come to a deployment as environment variables",
    ("feature-set",): "Teal serves models, and keeps no features",
    ("feature-store",): "Teal serves models, and keeps no features",
    ("workspace", "update"): "a workspace has nothing to change",
    ("compute", "create"): "a server has the computes it was started with; `teal compute list` shows them",
    ("compute", "attach"): "a server has the computes it was started with; `teal compute list` shows them",
    ("compute", "delete"): "a server has the computes it was started with; `teal compute list` shows them",
    ("monitor", "metrics"): "metrics are not offered yet",
    ("monitor", "diagnostic-settings"): "logs are read with `teal online-deployment get-logs`",
    ("monitor", "app-insights"): "logs are read with `teal online-deployment get-logs`",
    ("monitor", "log-analytics"): "logs are read with `teal online-deployment get-logs`",
    **{
        (name,): _AZURE
        for name in ("keyvault", "identity", "role", "acr", "ad", "aks", "network", "vm", "resource", "rest")
    },
    **{("storage", name): _AZURE for name in ("account", "container", "share", "fs", "directory", "queue", "table")},
    ("deployment",): _AZURE,
    ("k8s-extension",): _AZURE,
    ("provider",): _AZURE,
    ("feature",): _AZURE,
}


def find_sentence(words: Sequence[str]) -> str | None:
    """Why there is no such command, or None."""
    plain = tuple(words)
    for length in (2, 1):
        start = plain[:length]
        if start in SENTENCES:
            return f"'{' '.join(start)}' is not offered: {SENTENCES[start]}."
    return None
