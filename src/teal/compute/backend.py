"""The protocol every compute backend speaks (design D4); called only by reconcile, implemented by compute/process
(and later ones)."""

from collections.abc import Callable, Mapping
from typing import Protocol

from teal.domain.instances import InstanceObserved, InstanceSpec


class Backend(Protocol):
    """Four verbs. All are safe to repeat and return at once: "not yet" is a normal answer, seen through `observe`."""

    changed: Callable[[str], None]
    """Called with an instance id whenever what `observe` says of it may have changed; set by the caller before
    `open`."""

    async def open(self) -> None:
        """Adopt every instance that an earlier server process left behind, and begin to watch."""

    async def close(self) -> None:
        """Stop watching. Instances go on."""

    async def apply(self, spec: InstanceSpec, *, attempt: int) -> None:
        """Have the instance started for the `attempt`-th time. An attempt already made, running or ended is not
        repeated. One that was interrupted with the server, before there was a process, is seen as not made yet."""

    def observe(self) -> Mapping[str, InstanceObserved]:
        """Every instance this backend knows, by id, from memory. An instance that was removed and is gone is not in
        it."""

    async def remove(self, instance_id: str, *, grace_s: float) -> None:
        """End the instance (politely for `grace_s` seconds) and forget it; its logs go with it. Unknown ids are
        fine."""

    async def logs(self, instance_id: str, *, container: str, tail: int) -> str:
        """The last `tail` lines: container "inference-server" (the process) or "storage-initializer" (the
        preparation)."""
