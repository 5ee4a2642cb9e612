"""The door of the data plane, in Envoy's words: one port, plain and TLS; for `bootstrap.py`.

Fields: https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/config/listener/v3/listener.proto
"""

from dataclasses import dataclass
from pathlib import Path

from envoy.config.core.v3.address_pb2 import Address, SocketAddress
from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain, FilterChainMatch, ListenerFilter
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2 import TlsInspector
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from teal.gateway.clusters import MAX_MIRRORED_BODY_BYTES
from teal.gateway.connections import LISTENER_NAME, Style, build_connections
from teal.gateway.packing import pack
from teal.gateway.tls import build_tls_socket


@dataclass(frozen=True, slots=True)
class Door:
    """Where clients come in. `tls_secret_file` None: plain only. `host_domain`: with `example.com`, an endpoint's own
    host is `<name>.example.com`, over TLS."""

    host: str
    port: int
    tls_secret_file: Path | None = None
    host_domain: str | None = None
    access_log: Path | None = None
    max_mirrored_body_bytes: int = MAX_MIRRORED_BODY_BYTES
    token_keys: str | None = None  # the public keys (JWKS) of the tokens that endpoints may take


def build_listener(door: Door) -> Listener:
    """Listens on exactly this address; it is not shared, so that a second server on the same port fails loudly."""
    listener = Listener(
        name=LISTENER_NAME,
        address=Address(socket_address=SocketAddress(address=door.host, port_value=door.port)),
        filter_chains=_build_chains(door),
        enable_reuse_port=BoolValue(value=False),
        # With one shared socket, a fair division of the connections among the workers has to be asked for.
        connection_balance_config=Listener.ConnectionBalanceConfig(
            exact_balance=Listener.ConnectionBalanceConfig.ExactBalance()
        ),
        per_connection_buffer_limit_bytes=UInt32Value(value=_CLIENT_BUFFER_BYTES),
    )
    if door.tls_secret_file is not None:
        # Looks at the first bytes of a connection: the port is the same for both.
        inspector = ListenerFilter(name="envoy.filters.listener.tls_inspector", typed_config=pack(TlsInspector()))
        listener.listener_filters.append(inspector)
        listener.listener_filters_timeout.CopyFrom(Duration(seconds=_FIRST_BYTE_S))
    return listener


# --- private

# Of a connection, not of an answer: clients open some in advance.
_FIRST_BYTE_S = 300
_HANDSHAKE_S = 15

# Of answers: how far an instance may be ahead of a slow reader. Bodies have a limit of their own (`routes.py`).
_CLIENT_BUFFER_BYTES = 1024 * 1024


def _build_chains(door: Door) -> list[FilterChain]:
    by_path = build_connections(Style.PATH, door.access_log, door.token_keys)
    chains = [FilterChain(name="plain", filters=[by_path])]
    if door.tls_secret_file is not None:
        socket = build_tls_socket(door.tls_secret_file)
        tls = FilterChainMatch(transport_protocol="tls")
        chains.append(_build_tls_chain("tls", tls, by_path, socket))
        if door.host_domain is not None:
            own_host = FilterChainMatch(transport_protocol="tls", server_names=[f"*.{door.host_domain}"])
            by_host = build_connections(Style.HOST, door.access_log, door.token_keys)
            chains.append(_build_tls_chain("hosts", own_host, by_host, socket))
    return chains


def _build_tls_chain(name: str, match: FilterChainMatch, filter: Filter, socket: TransportSocket) -> FilterChain:
    return FilterChain(
        name=name,
        filter_chain_match=match,
        filters=[filter],
        transport_socket=socket,
        transport_socket_connect_timeout=Duration(seconds=_HANDSHAKE_S),
    )
