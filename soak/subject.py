"""The server under test and its endpoint: what a person would ask of it, and what may happen to its processes. Used by
steps.py, in a thread of its own, because the client library waits."""

import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

import teal
from soak.clients import CALLER
from soak.schedule import Deployed, State
from teal import MLClient
from teal.entities import (
    CodeConfiguration,
    EndpointAuthKeys,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    OnlineRequestSettings,
    ProbeSettings,
)
from tests.harness.teal import TealServer
from tests.harness.waiting import wait_until_sync

ENDPOINT = "soak"
SCORE = Path(__file__).parent / "score" / "score.py"
IN_FLIGHT = 64
REQUEST_TIMEOUT_MS = 15_000
LEAVING = ("draining", "stopped")
_KEYS = ("primary", "secondary")
# An instance that hangs is to be found within seconds.
PROBE = ProbeSettings(initial_delay=1, period=1, timeout=2, failure_threshold=3)


class Subject:
    """One endpoint of a running server. `notes` is where its instances note what they act on."""

    def __init__(self, server: TealServer) -> None:
        self.server = server
        self.notes = server.folder / "notes"
        self.notes.mkdir()
        self._client = self._connect()
        self._keys = ("", "")
        self._left: int | None = None
        self._next_left = 0
        self._copies = 0
        self._gateway_settings = 0

    def close(self) -> None:
        self._client.close()

    def create(self, first: State) -> None:
        """The endpoint with everything it begins with."""
        self._client.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=ENDPOINT)).result()
        for name, deployed in first.deployments.items():
            self.put_deployment(name, deployed)
        self.put_endpoint(first)
        self._read_keys()

    def put_endpoint(self, state: State) -> None:
        endpoint = ManagedOnlineEndpoint(
            name=ENDPOINT,
            traffic=dict(state.traffic),
            mirror_traffic=dict(state.mirror),
            properties={
                "teal.idempotent": str(state.idempotent).lower(),
                **({"teal.traffic_key": f"header:{CALLER}"} if state.sticky else {}),
            },
        )
        self._client.online_endpoints.begin_create_or_update(endpoint).result()

    def put_deployment(self, name: str, deployed: Deployed, variables: Mapping[str, str] | None = None) -> None:
        """Create or update it, and wait until that is done; raises what the server says against it."""
        self._client.online_deployments.begin_create_or_update(
            ManagedOnlineDeployment(
                name=name,
                endpoint_name=ENDPOINT,
                model=Model(path=self._model(deployed.model)),
                code_configuration=CodeConfiguration(code=self._code(deployed.code), scoring_script="score.py"),
                environment=_build_environment(deployed.environment),
                environment_variables={
                    "VERSION": str(deployed.variables), "NOTES": str(self.notes), **(variables or {})
                },
                instance_type="Standard_DS3_v2",
                instance_count=deployed.instances,
                request_settings=OnlineRequestSettings(
                    max_concurrent_requests_per_instance=IN_FLIGHT, request_timeout_ms=REQUEST_TIMEOUT_MS
                ),
                liveness_probe=PROBE,
                readiness_probe=PROBE,
            )
        ).result()  # fmt: skip

    def delete_deployment(self, name: str) -> None:
        self._client.online_deployments.begin_delete(name, ENDPOINT).result()

    def key(self, number: int) -> str:
        """One of the two: which, depends on who asks, unless one of them is left for now."""
        return self._keys[number % 2 if self._left is None else 1 - self._left]

    def leave_key(self) -> None:
        """Let clients use the other key from now on."""
        self._left = self._next_left
        self._next_left = 1 - self._left

    def regenerate_key(self) -> None:
        """Of the one that was left; it is used again as soon as that is done, and nobody is let in with the old one."""
        assert self._left is not None
        old = self._keys[self._left]
        self._client.online_endpoints.begin_regenerate_keys(ENDPOINT, key_type=_KEYS[self._left]).result()
        self._read_keys()
        self._left = None
        with httpx.Client(trust_env=False) as client:
            url = f"{self.server.said['gateway_url']}/endpoints/{ENDPOINT}/score"
            status = client.post(url, headers={"Authorization": f"Bearer {old}"}).status_code
        assert status == httpx.codes.UNAUTHORIZED, f"a key that was replaced is answered {status}"

    def kill_server(self) -> None:
        self.server.kill_control_plane()

    def let_go_server(self) -> None:
        """What comes before an upgrade: the control plane goes, everything that serves stays."""
        self.server.must("down", "--keep-serving")

    def use_other_copy(self) -> None:
        """The next server is started from an installation of its own, as after an upgrade."""
        self._copies += 1
        copy = self.server.folder / "installed" / str(self._copies % 2)
        if not copy.exists():
            shutil.copytree(Path(teal.__file__).parent, copy / "teal", ignore=shutil.ignore_patterns("__pycache__"))
        self.server.environ["PYTHONPATH"] = os.pathsep.join([str(copy), *filter(None, [os.environ.get("PYTHONPATH")])])

    def change_gateway_settings(self) -> None:
        """To something as good as what was: another Envoy has to take over from the one that runs."""
        self._gateway_settings += 1
        self.server.environ["TEAL_MAX_CONNECTIONS"] = str(20_000 - self._gateway_settings % 2)

    def start_server(self) -> None:
        self.server.up()
        self._client.close()
        self._client = self._connect()

    def requests(self) -> dict[str, dict[str, int]]:
        """What `show` counts of every deployment; nothing while it is not known of one."""
        found = {}
        for deployment in self._client.online_deployments.list(ENDPOINT):
            observed = self._client.online_deployments.get(str(deployment.name), ENDPOINT).observed or {}
            if not observed.get("requests"):
                return {}
            found[str(deployment.name)] = dict(observed["requests"])
        return found

    def instances(self, deployment: str) -> list[psutil.Process]:
        """The scoring processes of its instances that take requests."""
        observed = self._client.online_deployments.get(deployment, ENDPOINT).observed or {}
        serving = {i["id"] for i in observed["instances"] if i["state"] == "routable"}
        found = []
        for shim, id in self._shims():
            with suppress(psutil.NoSuchProcess):  # it has ended since it was found
                found += shim.children() if id in serving else []
        return found

    def wait_until_whole(self, deployment: str, instances: int, within_s: float = 60.0) -> None:
        """Until as many instances as wanted take requests, whatever is still leaving."""

        def states() -> list[str]:
            observed = self._client.online_deployments.get(deployment, ENDPOINT).observed or {}
            return [str(instance["state"]) for instance in observed["instances"]]

        def is_whole() -> bool:
            return [state for state in states() if state not in LEAVING] == ["routable"] * instances

        wait_until_sync(is_whole, within_s, every_s=0.1, describe=states)

    def takes_requests(self, deployment: str, process: psutil.Process) -> bool:
        return process.pid in [one.pid for one in self.instances(deployment)]

    def gateways(self) -> list[int]:
        """Envoys of this server, the newest first."""
        return self.server.envoy_pids

    def kill_gateway(self) -> psutil.Process:
        newest = psutil.Process(self.gateways()[0])
        newest.kill()
        return newest

    def wait_for_gateway(self) -> None:
        """Until there is another one that serves."""

        def serves() -> bool:
            with suppress(OSError, httpx.HTTPError), httpx.Client(trust_env=False) as client:
                return client.get(self.server.said["gateway_url"]).status_code == httpx.codes.NOT_FOUND
            return False

        wait_until_sync(serves, 30)

    def writers(self) -> list[psutil.Process]:
        """Everything that writes logs, but for the control plane, whose database is on the same disk."""
        found = [shim for shim, _ in self._shims()]
        for pid in self.gateways():
            with suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(pid))
        return found

    # --- private

    def _connect(self) -> MLClient:
        said = self.server.said
        data = self.server.data_dir
        return MLClient(url=said["url"], token=(data / "token").read_text().strip(), ca=data / "ca.pem")

    def _read_keys(self) -> None:
        keys = self._client.online_endpoints.get_keys(ENDPOINT)
        assert isinstance(keys, EndpointAuthKeys)
        self._keys = (str(keys.primary_key), str(keys.secondary_key))

    def _shims(self) -> list[tuple[psutil.Process, str]]:
        found = []
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            run = next((word for word in words if word.startswith(f"{self.server.data_dir}/instances/")), None)
            if run and any(word.endswith("shim.py") for word in words):
                found.append((process, Path(run).relative_to(self.server.data_dir / "instances").parts[0]))
        return found

    def _model(self, number: int) -> Path:
        folder = self.server.folder / "models" / str(number) / "model"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "number.txt").write_text(f"{number}\n")
        return folder

    def _code(self, number: int) -> Path:
        folder = self.server.folder / "code" / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "score.py").write_text(SCORE.read_text().replace("CODE = 1\n", f"CODE = {number}\n"))
        return folder


# --- private


def _build_environment(number: int) -> Environment:
    python = f"python={sys.version_info.major}.{sys.version_info.minor}"
    packages = [python, "pip", {"pip": ["iniconfig"]}] if number == 2 else [python, "pip"]
    return Environment(
        image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04",
        conda_file={"name": f"soak-{number}", "dependencies": packages},
    )
