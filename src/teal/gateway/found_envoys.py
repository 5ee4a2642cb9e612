"""Which Envoys of this server run already, also after a control plane that was killed; for `envoy_process.py`."""

from contextlib import suppress

import psutil

from teal.gateway.envoy_command import NUMBER, build_bootstrap_text, observe_started
from teal.gateway.envoy_settings import EnvoySettings
from teal.gateway.pid_file import ProcessRecord, find_by_argument, is_running, load_record, observe_record
from teal.gateway.running_envoy import RunningEnvoy


def find_living(settings: EnvoySettings) -> RunningEnvoy | None:
    """The one that was started last."""
    record = load_record(settings.pid_file)
    if record is None or not is_running(record, str(settings.bootstrap_file)):
        record = _find_unrecorded(settings)
    return RunningEnvoy(settings, record) if record is not None else None


def find_leaving(settings: EnvoySettings) -> list[RunningEnvoy]:
    """Those that were being replaced. Records of others are removed."""
    found = []
    for path in settings.list_leaving_files():
        record = load_record(path)
        envoy = RunningEnvoy(settings, record) if record is not None else None
        if envoy is not None and envoy.is_running:
            found.append(envoy)
        else:
            path.unlink(missing_ok=True)
    return found


# --- private


def _find_unrecorded(settings: EnvoySettings) -> ProcessRecord | None:
    """Killed between starting Envoy and writing the pid file: what it was started with stands in the bootstrap."""
    known = {envoy.pid for envoy in find_leaving(settings)}
    pid = find_by_argument(str(settings.bootstrap_file), known)
    with suppress(psutil.Error, OSError, ValueError, IndexError):
        if pid is not None:
            words = psutil.Process(pid).cmdline()
            number = int(words[words.index(NUMBER) + 1].rpartition("-")[2])
            is_ours = settings.bootstrap_file.read_text() == build_bootstrap_text(settings, number)
            return observe_started(settings, pid, number) if is_ours else observe_record(pid, "", number)
    return None
