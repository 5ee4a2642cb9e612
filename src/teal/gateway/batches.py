"""Which steps of several endpoints leave in one response; pure. Called by `session.py`.

Thousands of endpoints are due at once when a gateway starts or comes back: one response each would be most of the work.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass

from teal.gateway.delivery import Step
from teal.gateway.resources import Kind

MOST_TOGETHER = 50


@dataclass(frozen=True, slots=True)
class Part:
    """What one endpoint has in a response: a step towards this version of it."""

    endpoint: str
    version: str | None
    step: Step


def plan_batches(parts: Iterable[Part], alone: Set[str]) -> list[tuple[Part, ...]]:
    """Responses in the order in which kinds are delivered, each of one kind; routes go one by one.

    A starting gateway listens once its first routes are taken or rejected: were those of a bad endpoint among others,
    all of them would be answered with 404 until they are sent again.

    A gateway rejects a response as a whole: endpoints that were in a rejected one travel `alone`, so that the bad one
    names itself and the others are not kept waiting by it.
    """
    due = list(parts)
    batches: list[tuple[Part, ...]] = []
    for kind in Kind:
        of_kind = [part for part in due if part.step.kind is kind]
        batches += [(part,) for part in of_kind if kind is Kind.ROUTES or part.endpoint in alone]
        others = [part for part in of_kind if kind is not Kind.ROUTES and part.endpoint not in alone]
        batches += [tuple(others[at : at + MOST_TOGETHER]) for at in range(0, len(others), MOST_TOGETHER)]
    return batches
