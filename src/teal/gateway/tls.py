"""TLS at the gateway's door: a certificate that is replaced without a restart; for `listener.py` and `gateway.py`.

Envoy reads certificate and key from one file of ours and watches it, so both change at once, for connections that begin
afterwards. https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/security/secret
"""

import asyncio
import json
import logging
import ssl
from dataclasses import dataclass
from pathlib import Path

from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.config.core.v3.config_source_pb2 import ApiVersion, ConfigSource, PathConfigSource
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import TlsParameters
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import CommonTlsContext, DownstreamTlsContext

from teal.gateway.packing import pack
from teal.gateway.pid_file import write_private

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """A certificate (with what it needs below its root) and its key, in PEM; read again whenever they change."""

    certificate_file: Path
    key_file: Path


def build_tls_socket(secret_file: Path) -> TransportSocket:
    """HTTP/2 for whoever offers it (ALPN), else HTTP/1.1."""
    source = ConfigSource(
        path_config_source=PathConfigSource(path=str(secret_file)), resource_api_version=ApiVersion.V3
    )
    context = DownstreamTlsContext(
        common_tls_context=CommonTlsContext(
            alpn_protocols=["h2", "http/1.1"],
            tls_params=TlsParameters(tls_minimum_protocol_version=TlsParameters.TlsProtocol.TLSv1_2),
            tls_certificate_sds_secret_configs=[SdsSecretConfig(name=_NAME, sds_config=source)],
        )
    )
    return TransportSocket(name="envoy.transport_sockets.tls", typed_config=pack(context))


class TlsSecret:
    """Keeps Envoy's file like the certificate's own files. A pair that does not fit together is never handed over."""

    def __init__(self, settings: TlsSettings, secret_file: Path) -> None:
        self._settings = settings
        self._secret_file = secret_file
        self._read: tuple[str, str] | None = None

    def update(self) -> bool:
        """Hand over what has changed; raises OSError or ssl.SSLError when certificate and key cannot be used."""
        pair = self._settings.certificate_file.read_text(), self._settings.key_file.read_text()
        if pair == self._read:
            return False
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            self._settings.certificate_file, self._settings.key_file
        )
        write_private(self._secret_file, _format_secret(*pair))
        self._read = pair
        return True

    async def run(self, every_s: float = 2.0) -> None:
        """Until cancelled. Certificate and key are two files: in between two writes they may not fit, for a moment."""
        told = ""
        while True:
            await asyncio.sleep(every_s)
            try:
                if self.update():
                    logger.info("the gateway has a new certificate: %s", self._settings.certificate_file)
                told = ""
            except (OSError, ssl.SSLError, ValueError) as error:
                if str(error) != told:
                    logger.warning("the gateway keeps its old certificate: %s", error)
                told = str(error)


# --- private

_NAME = "gateway-certificate"


def _format_secret(certificate: str, key: str) -> str:
    secret = {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": _NAME,
        "tls_certificate": {"certificate_chain": {"inline_string": certificate}, "private_key": {"inline_string": key}},
    }
    return json.dumps({"resources": [secret]})
