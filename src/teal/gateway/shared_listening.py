"""The one listening socket of the gateway and the Envoys that it is lent to; for `envoy_process.py`."""

import socket
from collections.abc import Awaitable, Callable, Iterable

from teal.gateway.envoy_settings import EnvoySettings
from teal.gateway.errors import PortTaken
from teal.gateway.handover import Lender, Meeting, ask_back, can_lend, open_listening
from teal.gateway.running_envoy import RunningEnvoy


class SharedListening:
    """Held as long as somebody may be started who needs it. Where Envoys take no sockets, it only keeps the port free
    until one opens its own."""

    def __init__(self, settings: EnvoySettings) -> None:
        self._settings = settings
        self._socket: socket.socket | None = None
        self._lenders: dict[int, Lender] = {}

    @property
    def is_held(self) -> bool:
        return self._socket is not None

    async def obtain(
        self, running: list[RunningEnvoy], make_room: Callable[[list[RunningEnvoy]], Awaitable[None]]
    ) -> None:
        """From an Envoy that runs, or free, or held by one that cannot share it: `make_room` ends those. Raises
        `PortTaken` when it is somebody else who listens there."""
        for envoy in running if can_lend() else ():
            await self.ask_back(envoy)
            if self.is_held:
                return
        try:
            self._socket = open_listening(self._settings.host, self._settings.port)
        except PortTaken:
            if not running:
                raise
            await make_room(running)
            self._socket = open_listening(self._settings.host, self._settings.port)

    async def ask_back(self, envoy: RunningEnvoy) -> None:
        """Held afterwards if this Envoy has it and shares it."""
        self._socket = await ask_back(envoy.meeting, self._settings.host, self._settings.port)

    def stand_by(self, running: Iterable[RunningEnvoy]) -> None:
        """They may have been started by a control plane that was killed before they served."""
        if self.is_held and can_lend():
            for envoy in running:
                self._lend(envoy.meeting, is_new=False)

    def lend(self, meeting: Meeting) -> Lender | None:
        """Before an Envoy is started. None where Envoys take no sockets: then it is closed, for that one to open."""
        if can_lend():
            return self._lend(meeting, is_new=True)
        self.close()
        return None

    def forget(self, number: int) -> None:
        """An Envoy that has ended, or was not started after all."""
        if lender := self._lenders.pop(number, None):
            lender.close()

    def forget_all(self) -> None:
        for number in tuple(self._lenders):
            self.forget(number)

    def close(self) -> None:
        """Envoys that have it go on listening; when nobody has it any more, clients are refused."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # --- private

    def _lend(self, meeting: Meeting, *, is_new: bool) -> Lender:
        assert self._socket is not None
        lender = Lender(meeting, self._socket)
        lender.open(is_new=is_new)
        self._lenders[meeting.number] = lender
        return lender
