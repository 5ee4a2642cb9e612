"""Small values in protobuf's shapes, used by every file here that writes Envoy's words."""

from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message


def pack(message: Message) -> Any:
    """A message as Envoy's typed config; the bytes depend on the content only."""
    packed = Any()
    packed.Pack(message, deterministic=True)
    return packed


def build_milliseconds(value: int) -> Duration:
    duration = Duration()
    duration.FromMilliseconds(value)
    return duration
