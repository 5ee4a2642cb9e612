"""One row of the demo's table: what a step wanted, what the client saw, and whether that is within its bounds."""

from collections.abc import Mapping
from dataclasses import dataclass

from examples.demo.answers import Sample
from examples.demo.bounds import binomial_bounds, is_within_bounds


@dataclass(frozen=True, slots=True)
class Shadow:
    """Copies that the server says it sent, of `of` requests, where `percent` was wanted."""

    copies: int
    percent: int
    of: int

    @property
    def is_good(self) -> bool:
        return is_within_bounds(self.copies, self.of, self.percent / 100)

    def __str__(self) -> str:
        low, high = binomial_bounds(self.of, self.percent / 100)
        return f"{self.copies} of {self.of} ({low}–{high})"


@dataclass(frozen=True, slots=True)
class Row:
    """Texts for the table, and the verdict on the split and the shadow copies."""

    step: str
    wanted: str = ""
    seen: str = ""
    shadow: str = ""
    latency: str = ""
    failed: int = 0
    problems: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        return not self.failed and not self.problems


def build_row(step: str, wanted: Mapping[str, int], sample: Sample, failed: int, shadow: Shadow | None = None) -> Row:
    """The row of a step whose sample is complete, or still being taken."""
    problems = assess_split(wanted, sample) if sample.is_complete else []
    if shadow and not shadow.is_good:
        problems.append(f"shadow copies {shadow} where {shadow.percent} % were wanted")
    return Row(
        step=step,
        wanted=format_split(wanted),
        seen=format_seen(wanted, sample),
        shadow=str(shadow or ""),
        latency=f"{sample.percentile_ms(50):.1f} / {sample.percentile_ms(99):.1f}" if sample.answers else "",
        failed=failed,
        problems=tuple(problems),
    )


def assess_split(wanted: Mapping[str, int], sample: Sample) -> list[str]:
    """What lies outside its 99.99 % bound. A deployment that nobody wants any answer from is bound to none."""
    seen = sample.by_deployment()
    n = len(sample.answers)
    return [
        "{} answered {} of {}, outside {}–{}".format(name, seen[name], n, *binomial_bounds(n, percent / 100))
        for name, percent in (dict.fromkeys(seen, 0) | dict(wanted)).items()
        if not is_within_bounds(seen[name], n, percent / 100)
    ]


def format_split(wanted: Mapping[str, int]) -> str:
    return " ".join(f"{name}={percent}" for name, percent in wanted.items())


def format_seen(wanted: Mapping[str, int], sample: Sample) -> str:
    """`blue=1803 (1742–1855) green=197 (145–258), n=2000`; no bounds where a split leaves no choice."""
    seen, n = sample.by_deployment(), len(sample.answers)
    words = []
    for name, percent in wanted.items():
        low, high = binomial_bounds(n, percent / 100)
        words.append(f"{name}={seen[name]}" + (f" ({low}–{high})" if low < high else ""))
    return f"{' '.join(words)}, n={n}"
