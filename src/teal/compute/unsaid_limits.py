"""Limits that old packages need and do not state: conda's builds carry the NumPy they were compiled for, PyPI's do not.

Called by compute/environment_plans.py and compute/model_environments.py. Pure.
"""

from collections.abc import Iterator
from dataclasses import replace

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from teal.compute.conda import Requirements


def add_unsaid_limits(requirements: Requirements) -> Requirements:
    """The same packages, limited by what the pinned ones among them need. What the file itself says counts for more."""
    stated = {canonicalize_name(one.name): one for one in _parse(requirements.packages)}
    added: dict[str, str] = {}
    for package, bound, limits in _RULES:
        pinned = _find_pin(stated[name]) if (name := canonicalize_name(package)) in stated else None
        if pinned is None or pinned >= Version(bound):
            continue
        for limit in map(Requirement, limits):
            own = stated.get(canonicalize_name(limit.name))
            if own is None or not (_find_pin(own) or _starts_beyond(own, limit)):
                added.setdefault(str(limit), f"{package} {pinned}")
    notes = tuple(f"{line} is added, which {reason} needs and does not say" for line, reason in added.items())
    return replace(requirements, constraints=(*requirements.constraints, *added), notes=(*requirements.notes, *notes))


# --- private

# (package, first version that needs the limits no more, limits). Such versions were compiled for numpy 1, or call what
# later versions of their friends dropped, and do not say so in their own metadata (numpy/numpy#26191).
_RULES = (
    ("scikit-learn", "1.4.2", ("numpy<2", "scipy<1.12", "pandas<2.3")),
    ("scipy", "1.13", ("numpy<2",)),
    ("pandas", "2.2.2", ("numpy<2",)),
    ("xgboost", "2.1", ("numpy<2", "pandas<2.3")),
    ("lightgbm", "4.4", ("numpy<2",)),
    ("statsmodels", "0.14.2", ("numpy<2",)),
    ("matplotlib", "3.9", ("numpy<2",)),
    ("pyarrow", "16.1", ("numpy<2",)),
    ("torch", "2.3", ("numpy<2",)),
    ("onnxruntime", "1.19", ("numpy<2",)),
)


def _parse(packages: tuple[str, ...]) -> Iterator[Requirement]:
    for line in packages:
        try:
            yield Requirement(line)
        except InvalidRequirement:
            continue


def _find_pin(requirement: Requirement) -> Version | None:
    for clause in requirement.specifier:
        if clause.operator in {"==", "==="}:
            try:
                return Version(clause.version.removesuffix(".*"))
            except InvalidVersion:
                continue
    return None


def _starts_beyond(own: Requirement, limit: Requirement) -> bool:
    """Whether what the file says leaves nothing below the limit: then it is meant so."""
    (bound,) = (Version(clause.version) for clause in limit.specifier)
    return any(clause.operator in {">=", ">", "~="} and Version(clause.version) >= bound for clause in own.specifier)
