"""Sizes behind `instance_type`: cores and memory of the VM sizes that published deployments name (design §6).
Called by reconcile."""

from dataclasses import dataclass

GIB = 1024**3


@dataclass(frozen=True, slots=True)
class InstanceSize:
    """`cpus` sets thread counts inside the instance; `memory_bytes` is its limit."""

    cpus: int
    memory_bytes: int


def find_instance_size(instance_type: str) -> InstanceSize | None:
    """The size of an instance type, in any case; None for one that is not in the table: such an instance has no
    limits."""
    size = _SIZES_GIB.get(instance_type.lower())
    return InstanceSize(size[0], int(size[1] * GIB)) if size else None


# --- private

_SIZES_GIB: dict[str, tuple[int, float]] = {
    "standard_ds1_v2": (1, 3.5),
    "standard_ds2_v2": (2, 7),
    "standard_ds3_v2": (4, 14),
    "standard_ds4_v2": (8, 28),
    "standard_ds5_v2": (16, 56),
    "standard_d2as_v4": (2, 8),
    "standard_d4as_v4": (4, 16),
    "standard_d8as_v4": (8, 32),
    "standard_e2s_v3": (2, 16),
    "standard_e4s_v3": (4, 32),
    "standard_e8s_v3": (8, 64),
    "standard_e16s_v3": (16, 128),
    "standard_f2s_v2": (2, 4),
    "standard_f4s_v2": (4, 8),
    "standard_f8s_v2": (8, 16),
    "standard_f16s_v2": (16, 32),
    "standard_f32s_v2": (32, 64),
    "standard_f48s_v2": (48, 96),
    "standard_f64s_v2": (64, 128),
    "standard_f72s_v2": (72, 144),
    "standard_nc4as_t4_v3": (4, 28),
    "standard_nc8as_t4_v3": (8, 56),
    "standard_nc16as_t4_v3": (16, 110),
    "standard_nc6s_v3": (6, 112),
    "standard_nc12s_v3": (12, 224),
    "standard_nc24s_v3": (24, 448),
    "standard_nc24ads_a100_v4": (24, 220),
}
