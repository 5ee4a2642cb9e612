"""Request bodies of every size and what a right answer to them is. Pure but for the bytes it keeps; called by
clients.py."""

import hashlib
import json
from dataclasses import dataclass
from random import Random

MIB = 1024 * 1024
LARGEST_BYTES = 100 * MIB

# Sizes up to the bound, and how often of 10,000: mostly small, as requests are.
_SIZES = ((2_000, 9_700), (64_000, 250), (MIB, 40), (20 * MIB, 9), (LARGEST_BYTES, 1))


@dataclass(frozen=True, slots=True)
class Body:
    """One request's content and its checksum."""

    content: bytes
    sha256: str


class Bodies:
    """Makes bodies from one block of text, so that a large one costs no time to make."""

    def __init__(self, random: Random, *, largest_bytes: int = LARGEST_BYTES) -> None:
        self._random = random
        self._largest_bytes = largest_bytes
        line = bytes(random.choices(b"abcdefghijklmnopqrstuvwxyz0123456789 ", k=65_521)) + b"\n"
        self._text = line * (min(largest_bytes, LARGEST_BYTES) // len(line) + 1)

    def draw_size(self) -> int:
        bound = self._random.choices([size for size, _ in _SIZES], [often for _, often in _SIZES])[0]
        return min(self._largest_bytes, self._random.randint(bound // 4, bound))

    def build(self, id: str, size: int, work_s: float, pieces: int = 0) -> Body:
        """A line that says what is asked, then text up to `size`."""
        head = json.dumps({"id": id, "work_s": work_s, "pieces": pieces}).encode() + b"\n"
        start = self._random.randrange(65_536)
        content = head + self._text[start : start + max(0, size - len(head))]
        return Body(content, hashlib.sha256(content).hexdigest())
