"""MLflow's own server for experiment tracking, one process for each workspace that uses it (`spec/mlflow.md` §7).

Each listens on a unix socket in the run directory, which only this user can enter; Teal's REST surface is the way in.
A process ends with the server, which holds the other end of its standard input, and when nobody has asked it for a
while: what it was told is in its database, and the next request starts it again. Called by api/mlflow/tracking.py.
"""

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx

from teal.api.mlflow.tracker import TrackingAnswer, TrackingFailed, TrackingRequest
from teal.domain.artifacts import ARTIFACTS, runs_origin
from teal.domain.resource_ids import WorkspaceId

logger = logging.getLogger(__name__)

READY_WITHIN_S = 120.0
ANSWER_WITHIN_S = 110.0
LOOK_EVERY_S = 0.1
END_WITHIN_S = 5.0
SCRIPT = Path(__file__).with_name("tracking_app.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingSettings:
    """`python` has MLflow. `url`, `token` and `ca` lead back to this server's registry. `idle_s` is how long a process
    lives without a request; 0: until the end."""

    python: str
    folder: Path
    run_dir: Path
    log_file: Path
    url: str
    token: str
    ca: Path
    idle_s: float = 0.0


def find_tracking_python(wanted: Path | None) -> str | None:
    """An interpreter that has MLflow: the one that was set, else our own if the extra is installed with it."""
    if wanted is not None:
        return str(wanted)
    return sys.executable if find_spec("mlflow") else None


class TrackingServers:
    """All of them; started when they are first needed, again when they have ended."""

    def __init__(self, settings: TrackingSettings) -> None:
        self._settings = settings
        self._running: dict[str, _Running] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._stops: set[asyncio.Task[None]] = set()

    async def send(self, workspace: WorkspaceId, request: TrackingRequest) -> TrackingAnswer:
        server = await self._take(workspace)
        try:
            return await self._ask(server, workspace, request)
        finally:
            server.in_hand -= 1
            self._watch(server, workspace)

    async def close(self) -> None:
        if self._stops:
            await asyncio.wait(self._stops)
        for server in self._running.values():
            await server.close()
        self._running.clear()

    # --- private

    async def _ask(self, server: "_Running", workspace: WorkspaceId, request: TrackingRequest) -> TrackingAnswer:
        url = f"http://localhost{request.path}" + (f"?{request.query}" if request.query else "")
        try:
            answer = await server.client.request(
                request.method, url, headers=dict(request.headers), content=request.body or None
            )
        except httpx.HTTPError as error:
            raise TrackingFailed(
                f"The tracking server of the workspace '{workspace.name}' did not answer: {error!r}.",
                hint=f"{self._settings.log_file.name} in the server's logs tells more.",
            ) from error
        content_type = answer.headers.get("content-type", "application/json")
        return TrackingAnswer(status=answer.status_code, content_type=content_type, body=answer.content)

    async def _take(self, workspace: WorkspaceId) -> "_Running":
        """A server that answers, with one more request in hand, so that it is not stopped before that has begun."""
        async with self._locks.setdefault(workspace.key, asyncio.Lock()):
            server = self._running.get(workspace.key)
            if server is None or server.process.poll() is not None:
                if server is not None:
                    await server.close()
                self._running[workspace.key] = server = self._start(workspace)
                await self._wait_until_ready(server, workspace)
            server.in_hand += 1
            return server

    def _watch(self, server: "_Running", workspace: WorkspaceId) -> None:
        """Have the server looked at when it may have been idle long enough. One timer each, however many requests."""
        loop = asyncio.get_running_loop()
        server.used_at = loop.time()
        if self._settings.idle_s and server.timer is None:
            server.timer = loop.call_later(self._settings.idle_s, self._look, server, workspace)

    def _look(self, server: "_Running", workspace: WorkspaceId) -> None:
        loop = asyncio.get_running_loop()
        server.timer = None
        idle_until = server.used_at + self._settings.idle_s
        if server.in_hand:
            return  # whoever is answered last has it looked at again
        if loop.time() < idle_until:
            server.timer = loop.call_at(idle_until, self._look, server, workspace)
            return
        stop = loop.create_task(self._stop_idle(server, workspace), name="stop-tracking")
        self._stops.add(stop)
        stop.add_done_callback(self._stops.discard)

    async def _stop_idle(self, server: "_Running", workspace: WorkspaceId) -> None:
        async with self._locks[workspace.key]:
            if server.in_hand or self._running.get(workspace.key) is not server:
                return  # a request was faster
            del self._running[workspace.key]
            logger.info("tracking of the workspace '%s': process %d idle", workspace.name, server.process.pid)
            await server.close()

    def _start(self, workspace: WorkspaceId) -> "_Running":
        settings = self._settings
        name = runs_origin(workspace).partition(".")[2]
        folder = settings.folder / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        socket = settings.run_dir / f"mlflow-{name}.sock"
        socket.unlink(missing_ok=True)
        variables = build_variables(settings, workspace, folder, os.environ)
        with settings.log_file.open("ab") as log:
            process = subprocess.Popen(
                [settings.python, str(SCRIPT), str(socket)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=variables,
                start_new_session=True,
            )
        logger.info("tracking of the workspace '%s': process %d starts", workspace.name, process.pid)
        transport = httpx.AsyncHTTPTransport(uds=str(socket))
        return _Running(process, httpx.AsyncClient(transport=transport, timeout=ANSWER_WITHIN_S, trust_env=False))

    async def _wait_until_ready(self, server: "_Running", workspace: WorkspaceId) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + READY_WITHIN_S
        while loop.time() < deadline:
            if server.process.poll() is not None:
                break
            try:
                if (await server.client.get("http://localhost/health")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(LOOK_EVERY_S)
        await server.close()
        del self._running[workspace.key]
        raise TrackingFailed(
            f"The tracking server of the workspace '{workspace.name}' did not start.",
            hint=f"{self._settings.log_file.name} in the server's logs tells why.",
        )


def build_variables(
    settings: TrackingSettings, workspace: WorkspaceId, folder: Path, environ: Mapping[str, str]
) -> dict[str, str]:
    """What MLflow's server is told, and nothing that was meant for other uses of MLflow (`spec/mlflow.md` §7)."""
    kept = {key: value for key, value in environ.items() if not key.startswith(_FOREIGN)}
    return {
        **kept,
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{folder / 'mlflow.db'}",
        # A container for each experiment, an origin for each workspace: the store's root is one for all.
        "_MLFLOW_SERVER_ARTIFACT_ROOT": f"{ARTIFACTS}/{runs_origin(workspace)}",
        "_MLFLOW_SERVER_REGISTRY_STORE": f"{settings.url}/mlflow/v2.0{workspace.arm}",
        "MLFLOW_TRACKING_TOKEN": settings.token,
        "MLFLOW_TRACKING_SERVER_CERT_PATH": str(settings.ca),
        "MLFLOW_SERVER_ALLOWED_HOSTS": "localhost",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }


# --- private

_FOREIGN = ("MLFLOW_", "_MLFLOW_", "TEAL_", "PYTHONPATH", "PYTHONHOME", "IDENTITY_", "ARM_", "AZUREML_")


@dataclass(slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    client: httpx.AsyncClient
    in_hand: int = 0
    used_at: float = 0.0
    timer: asyncio.TimerHandle | None = None

    async def close(self) -> None:
        """Asked to end by the end of its input; killed if it does not."""
        if self.timer is not None:
            self.timer.cancel()
        await self.client.aclose()
        if self.process.stdin:
            self.process.stdin.close()
        try:
            await asyncio.to_thread(self.process.wait, END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            await asyncio.to_thread(self.process.wait)
