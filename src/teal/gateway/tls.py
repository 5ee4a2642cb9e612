"""TLS at the gateway's door: a certificate that is replaced without a restart; for `listener.py` and `gateway.py`.

Envoy reads certificate and key from one file of ours and watches it, so both change at once, for connections that begin
afterwards. https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/security/secret
"""

import asyncio
import json
import logging
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.config.core.v3.config_source_pb2 import ApiVersion, ConfigSource, PathConfigSource
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import TlsParameters
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import CommonTlsContext, DownstreamTlsContext

from teal.gateway.errors import CertificateUnusable
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
    """Keeps Envoy's file like the certificate's own files. A pair that cannot serve never replaces another."""

    def __init__(self, settings: TlsSettings, secret_file: Path) -> None:
        self._settings = settings
        self._secret_file = secret_file
        self._read: tuple[str, str] | None = None
        self._ends = datetime.max.replace(tzinfo=UTC)

    def update(self) -> bool:
        """Hand over what has changed; raises CertificateUnusable."""
        pair = self._read_files()
        if pair == self._read:
            return False
        ends = self._check(*pair)
        if self._read is not None and ends < datetime.now(UTC):
            raise CertificateUnusable(f"{self._settings.certificate_file} has expired on {ends:%Y-%m-%d %H:%M} UTC")
        write_private(self._secret_file, _format_secret(*pair))
        self._read, self._ends = pair, ends
        return True

    async def run(self, every_s: float = 2.0) -> None:
        """Until cancelled. Certificate and key are two files: in between two writes they may not fit, for a moment."""
        told = ""
        while True:
            problem = ""
            try:
                if self.update():
                    logger.info("the gateway has a new certificate: %s", self._settings.certificate_file)
            except (CertificateUnusable, OSError) as error:
                problem = f"the gateway keeps its old certificate: {error}"
            if not problem and self._ends < datetime.now(UTC):
                problem = f"clients over TLS refuse this gateway: its certificate has expired on {self._ends:%Y-%m-%d}"
            if problem and problem != told:
                logger.warning("%s", problem)
            told = problem
            await asyncio.sleep(every_s)

    # --- private

    def _read_files(self) -> tuple[str, str]:
        try:
            return self._settings.certificate_file.read_text(), self._settings.key_file.read_text()
        except OSError as error:
            raise CertificateUnusable(str(error)) from None
        except ValueError:
            raise CertificateUnusable("certificate and key must be text (PEM)") from None

    def _check(self, certificate: str, key: str) -> datetime:
        """When it ends; raises CertificateUnusable."""
        if "ENCRYPTED" in key:
            raise CertificateUnusable(f"{self._settings.key_file} needs a passphrase; give it without one")
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
                self._settings.certificate_file, self._settings.key_file
            )
            return x509.load_pem_x509_certificate(certificate.encode()).not_valid_after_utc
        except (OSError, ValueError) as error:
            if "KEY_VALUES_MISMATCH" in str(error):
                raise CertificateUnusable(f"{self._settings.key_file} is the key of another certificate") from None
            raise CertificateUnusable(
                f"{self._settings.certificate_file} and its key cannot be read: {error}"
            ) from None


# --- private

_NAME = "gateway-certificate"


def _format_secret(certificate: str, key: str) -> str:
    secret = {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": _NAME,
        "tls_certificate": {"certificate_chain": {"inline_string": certificate}, "private_key": {"inline_string": key}},
    }
    return json.dumps({"resources": [secret]})
