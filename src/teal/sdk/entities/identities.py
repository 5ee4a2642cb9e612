"""Who an endpoint is when it talks to others. Part of endpoints; names as in azure.ai.ml.entities."""

from dataclasses import dataclass, field


@dataclass(kw_only=True)
class ManagedIdentityConfiguration:
    """One user-assigned identity."""

    client_id: str | None = None
    resource_id: str | None = None
    object_id: str | None = None
    principal_id: str | None = None


@dataclass(kw_only=True)
class IdentityConfiguration:
    """`system_assigned`, or `user_assigned` with the identities."""

    type: str
    user_assigned_identities: list[ManagedIdentityConfiguration] = field(default_factory=list)
    principal_id: str | None = None
    tenant_id: str | None = None

    def __post_init__(self) -> None:
        self.user_assigned_identities = list(self.user_assigned_identities or [])
