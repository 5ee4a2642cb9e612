"""Ten thousand instances that are one: a compute backend that says of every instance that it is the same process. Used
by control_plane.py, because a machine cannot run that many."""

from collections.abc import Callable, Iterable, Mapping

from teal.domain.instance_records import InstanceRecord
from teal.domain.instances import InstanceObserved, InstancePhase, InstanceSpec

ADDRESS = "127.0.0.1"


class SharedInstances:
    """Starts nothing; what it is asked for is there at once, on `port`."""

    def __init__(self, port: int, records: Iterable[InstanceRecord]) -> None:
        self.changed: Callable[[str], None] = lambda _: None
        self._port = port
        self._observed = {record.instance_id: self._observe(record.instance_id, record.attempt) for record in records}

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def apply(self, spec: InstanceSpec, *, attempt: int) -> None:
        self._observed[spec.instance_id] = self._observe(spec.instance_id, attempt)
        self.changed(spec.instance_id)

    def observe(self) -> Mapping[str, InstanceObserved]:
        return self._observed

    async def remove(self, instance_id: str, *, grace_s: float) -> None:
        if self._observed.pop(instance_id, None):
            self.changed(instance_id)

    async def logs(self, instance_id: str, *, container: str, tail: int) -> str:
        return ""

    # --- private

    def _observe(self, instance_id: str, attempt: int) -> InstanceObserved:
        return InstanceObserved(
            instance_id=instance_id, phase=InstancePhase.RUNNING, attempt=attempt, address=ADDRESS, port=self._port
        )
