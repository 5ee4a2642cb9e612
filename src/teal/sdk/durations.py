"""Times as the wire writes them (ISO 8601 durations, possibly fractional) and as people do. Pure; used by sdk/wire."""

import re


def format_duration_ms(milliseconds: int) -> str:
    """5000 → `PT5S`, 100 → `PT0.1S`."""
    seconds = f"{milliseconds / 1000:.3f}".rstrip("0").rstrip(".")
    return f"PT{seconds}S"


def format_duration_s(seconds: int) -> str:
    """10 → `PT10S`."""
    return format_duration_ms(seconds * 1000)


def parse_duration_ms(text: str) -> int:
    """`PT1M30S` → 90000."""
    match = _DURATION.fullmatch(text)
    if match is None or text in ("P", "PT"):
        raise ValueError(f"not an ISO 8601 duration: {text!r}")
    days, hours, minutes, seconds = (float(part) if part else 0.0 for part in match.groups())
    return round((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000)


def parse_duration_s(text: str) -> int:
    """`PT10S` → 10."""
    return round(parse_duration_ms(text) / 1000)


# --- private

_DURATION = re.compile(r"P(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?")
