"""Ending what a killed server left serving: the gateway and the instances, found by what lies in the data directory.
Called by `teal down`."""

from datetime import timedelta

from teal.gateway.envoy_process import EnvoyProcess
from teal.server.assemble import assemble_backend, build_envoy_settings
from teal.server.data_dir import DataDir
from teal.server.settings import DEFAULT_GATEWAY_PORT, Settings
from teal.server.shutdown import remove_instances

INSTANCE_GRACE = timedelta(seconds=10)


async def end_leftovers(settings: Settings, data: DataDir) -> list[str]:
    """Names of what was ended. The gateway goes first, so that requests in hand find their instances."""
    ended = []
    run_dir = data.find_run_dir()
    if run_dir is not None:
        port = data.load_ports().get("gateway_port", DEFAULT_GATEWAY_PORT)
        envoy = EnvoyProcess(build_envoy_settings(settings, data, run_dir, port))
        if (pid := await envoy.end_living()) is not None:
            ended.append(f"the gateway (process {pid})")
    backend = assemble_backend(settings, data)
    try:
        await backend.open()
        living = [id for id, seen in backend.observe().items() if seen.pid is not None]
        ended += [f"the instance {id}" for id in living]
        await remove_instances(backend, INSTANCE_GRACE.total_seconds())
    finally:
        await backend.close()
    return ended
