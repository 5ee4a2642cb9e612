"""Where Envoy listens and where its files go; made by `teal.server`, read by everything here that deals with Envoy.

What is named by a number belongs to one Envoy of several: one that is replaced runs on beside the next for a while.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from teal.gateway.bootstrap import MAX_CONNECTIONS
from teal.gateway.clusters import MAX_MIRRORED_BODY_BYTES
from teal.gateway.errors import RunDirTooLong
from teal.gateway.tls import TlsSettings


@dataclass(frozen=True, slots=True)
class EnvoySettings:
    """`run_dir` must be short and the same after a restart."""

    run_dir: Path
    log_file: Path
    host: str
    port: int
    concurrency: int
    drain_s: float = 10.0
    tls: TlsSettings | None = None
    host_domain: str | None = None  # with TLS: `<name>.<host_domain>` is an endpoint's own host
    access_log: Path | None = None
    max_mirrored_body_bytes: int = MAX_MIRRORED_BODY_BYTES
    max_connections: int = MAX_CONNECTIONS
    token_keys: str | None = None  # JWKS, for endpoints that take tokens

    @property
    def xds_socket(self) -> Path:
        return self.run_dir / "xds.sock"

    @property
    def admin_socket(self) -> Path:
        """Leads to the newest Envoy's."""
        return self.run_dir / "admin.sock"

    def admin_socket_of(self, number: int) -> Path:
        return self.run_dir / f"admin-{number}.sock"

    def format_node(self, number: int) -> str:
        """What an Envoy calls itself when it asks for its configuration."""
        return f"gateway-{self.port}-{number}"

    @property
    def tls_secret_file(self) -> Path:
        return self.run_dir / "tls.json"

    @property
    def bootstrap_file(self) -> Path:
        return self.run_dir / "envoy.json"

    @property
    def pid_file(self) -> Path:
        return self.run_dir / "envoy.pid"

    @property
    def totals_file(self) -> Path:
        return self.run_dir / "totals.json"

    def leaving_file_of(self, number: int) -> Path:
        """The record of one that is being replaced."""
        return self.run_dir / f"envoy-{number}.leaving"

    def list_leaving_files(self) -> list[Path]:
        return sorted(self.run_dir.glob("envoy-*.leaving"))

    def prepare_folders(self) -> None:
        """Make the directories; they must be there before the xDS socket is."""
        for path in (self.xds_socket, self.admin_socket_of(_LARGE_NUMBER), self.run_dir / _LONGEST_OF_ENVOYS_OWN):
            if len(os.fsencode(path)) > _MAX_SOCKET_PATH_BYTES:
                raise RunDirTooLong(f"'{path}' is too long for a unix socket; use a shorter run directory")
        self.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)


# --- private

_LARGE_NUMBER = 9999
_LONGEST_OF_ENVOYS_OWN = "e_udp_parent_1342177271"  # handover.py names them; Envoy makes this one itself

# sun_path holds 108 bytes on Linux and 104 on macOS, the closing zero included.
_MAX_SOCKET_PATH_BYTES = 103
