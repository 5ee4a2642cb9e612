"""What an Envoy is started with, and what names it afterwards; for `envoy_process.py` and `found_envoys.py`."""

from functools import cache
from importlib.metadata import version

from google.protobuf.json_format import MessageToJson

from teal.gateway.bootstrap import build_bootstrap
from teal.gateway.connections import Style, build_connections
from teal.gateway.envoy_binary import DISTRIBUTION
from teal.gateway.envoy_settings import EnvoySettings
from teal.gateway.handover import Meeting, can_lend
from teal.gateway.listener import Door
from teal.gateway.model import content_version
from teal.gateway.pid_file import ProcessRecord, observe_record

NUMBER = "--service-node"
"""The argument that ends in the Envoy's number."""


def build_bootstrap_text(settings: EnvoySettings, number: int) -> str:
    """The file that Envoy reads first."""
    message = build_bootstrap(
        node_id=settings.format_node(number),
        door=Door(
            host=settings.host,
            port=settings.port,
            tls_secret_file=settings.tls_secret_file if settings.tls else None,
            host_domain=settings.host_domain,
            access_log=settings.access_log,
            max_mirrored_body_bytes=settings.max_mirrored_body_bytes,
            token_keys=settings.token_keys,
        ),
        xds_socket=settings.xds_socket,
        admin_socket=settings.admin_socket_of(number),
        max_connections=settings.max_connections,
    )
    return str(MessageToJson(message, sort_keys=True, preserving_proto_field_name=True))


def build_arguments(settings: EnvoySettings, number: int) -> list[str]:
    """Its command line."""
    return [
        "--config-path", str(settings.bootstrap_file),
        NUMBER, settings.format_node(number),
        "--concurrency", str(settings.concurrency),
        "--log-level", "warning",
        "--file-flush-interval-msec", "1000",
        *(Meeting(settings.run_dir, number).arguments if can_lend() else ["--disable-hot-restart"]),
    ]  # fmt: skip


def describe_config(settings: EnvoySettings) -> str:
    """What an Envoy runs with: one of another version or with other settings is not adopted."""
    words = [build_bootstrap_text(settings, 0), *build_arguments(settings, 0)]
    return f"{content_version(' '.join(words).encode())} on {version(DISTRIBUTION)}"


@cache
def describe_contract() -> str:
    """What a listener does with requests that routes rely on, whatever its settings."""
    return content_version(build_connections(Style.PATH, access_log=None).SerializeToString(deterministic=True))


def observe_started(settings: EnvoySettings, pid: int, number: int) -> ProcessRecord:
    """The record of an Envoy that was started with these settings."""
    return observe_record(pid, describe_config(settings), number, describe_contract())
