"""The version of this distribution; read by the build and sent in `x-ms-server-version`."""

VERSION = "0.1.0"
SERVER_VERSION = f"teal-scoring/{VERSION}"
