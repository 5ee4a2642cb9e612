"""The delta ADS server: one gRPC stream per gateway, on a unix socket, each led by a `Session`; run by `gateway.py`."""

import asyncio
import logging
import os
from pathlib import Path
from typing import Any

import grpc
from envoy.service.discovery.v3.ads_pb2_grpc import (
    AggregatedDiscoveryServiceServicer,
    add_AggregatedDiscoveryServiceServicer_to_server,
)
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse

from teal.gateway.publications import Publications
from teal.gateway.session import Session

logger = logging.getLogger(__name__)

SOCKET_MODE = 0o600


class XdsServer:
    """Listens for gateways. Stopping it leaves them as they are: they keep serving and come back by themselves."""

    def __init__(self, socket_path: Path, publications: Publications) -> None:
        self._socket_path = socket_path
        self._discovery = _Discovery(publications)
        self._server: Any = None

    async def start(self) -> None:
        self._server = grpc.aio.server()
        add_AggregatedDiscoveryServiceServicer_to_server(self._discovery, self._server)
        self._server.add_insecure_port(f"unix:{self._socket_path}")
        # The directory is closed to others already; this is the second lock, for whoever opens the directory up.
        os.chmod(self._socket_path, SOCKET_MODE)
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            # Streams end by themselves when asked; cut, they would leave their tasks to be cancelled with the loop.
            self._discovery.close_all()
            await self._server.stop(grace=_CLOSE_WITHIN_S)
            self._server = None
        self._socket_path.unlink(missing_ok=True)


# --- private

_CLOSE_WITHIN_S = 1.0

_Outbox = asyncio.Queue[DeltaDiscoveryResponse | None]


class _Discovery(AggregatedDiscoveryServiceServicer):  # type: ignore[misc]  # the generated class has no types
    def __init__(self, publications: Publications) -> None:
        self._publications = publications
        self._outboxes: set[_Outbox] = set()

    def close_all(self) -> None:
        for outbox in self._outboxes:
            outbox.put_nowait(None)

    async def DeltaAggregatedResources(self, requests: Any, context: Any) -> None:  # the service's name
        """One gateway's stream, from its first request to its end; either side may end it."""
        outbox: _Outbox = asyncio.Queue()
        first = await context.read()
        if first is grpc.aio.EOF:
            return
        session = Session(
            first.node.id, self._publications, send=outbox.put_nowait, close=lambda: outbox.put_nowait(None)
        )
        logger.info("gateway %s connected", session.node_id)
        taught = session if self._publications.connect(session) else None
        self._outboxes.add(outbox)
        reader = asyncio.create_task(_read(context, taught, first, outbox), name=f"xds-read-{session.node_id}")
        try:
            while (response := await outbox.get()) is not None:
                await context.write(response)
            if reader.done():
                # At the end of the stream there is nothing to see here; a defect in reading shows itself.
                reader.result()
        finally:
            reader.cancel()
            self._outboxes.discard(outbox)
            self._publications.disconnect(session)
            logger.info("gateway %s disconnected", session.node_id)


async def _read(context: Any, session: Session | None, first: Any, outbox: _Outbox) -> None:
    """Without a session nothing is answered: a stream that is open and silent is not opened again and again."""
    try:
        request = first
        while request is not grpc.aio.EOF:
            if session is not None:
                session.receive(request)
            request = await context.read()
    finally:
        outbox.put_nowait(None)
