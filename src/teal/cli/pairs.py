"""`blue=90 green=10`, as one word or several. Pure; used for --traffic, --mirror-traffic, --tags and --defaults."""

import re
from collections.abc import Iterable

from knack.util import CLIError

_PERCENT = re.compile(r"\d+(?:\.\d+)?", re.ASCII)


def parse_pairs(words: Iterable[str] | None, flag: str) -> dict[str, str]:
    """Keys and values; the published scripts write them as one quoted word (spec/azureml.md §0.2)."""
    found: dict[str, str] = {}
    for word in words or ():
        for pair in word.replace(",", " ").split() if flag.endswith("traffic") else [word]:
            key, equals, value = pair.partition("=")
            if not equals or not key:
                raise CLIError(f"{flag} takes KEY=VALUE, not '{pair}'.")
            if key in found and flag.endswith("traffic"):
                raise CLIError(f"{flag} names '{key}' twice.")
            found[key] = value
    return found


def parse_percents(words: Iterable[str] | None, flag: str) -> dict[str, float] | None:
    """Percentages by name, whole ones as whole numbers; None where the flag was not given."""
    if words is None:
        return None
    percents: dict[str, float] = {}
    pairs = parse_pairs(words, flag)
    if not pairs:
        # As a shell script does whose variable is not set; nobody means by it that all traffic is to go.
        raise CLIError(f'{flag} is empty. To take traffic away from a deployment, name it: {flag} "blue=0".')
    for name, value in pairs.items():
        number = value.removesuffix("%")
        if not _PERCENT.fullmatch(number) or float(number) > 100:
            raise CLIError(f"{flag}: '{name}={value}' is not a percentage from 0 to 100.")
        percents[name.lower()] = float(number) if float(number) % 1 else int(float(number))
    return percents
