"""What instances have noted: who acted on which request, and whether it was a copy. Read when a run has ended, and by
counting.py; written by score/score.py."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Note(NamedTuple):
    """One request that one deployment has acted on."""

    deployment: str
    id: str
    is_copy: bool
    request_id: str


@dataclass(frozen=True, slots=True)
class RightAnswer:
    """Who gave a client its answer. `mirrors`: who may have had a copy; `named`: the request said who should answer."""

    deployment: str
    request_id: str
    mirrors: frozenset[str]
    named: bool
    sent_at: float


def read_notes(folder: Path) -> Iterator[Note]:
    for path in folder.glob("*.txt"):
        deployment = path.name.partition("-")[0]
        for line in path.read_text().splitlines():
            id, copy, request_id = line.split()
            yield Note(deployment, id, copy == "1", request_id)


def find_duplicates(notes: Iterable[Note], repeatable: Set[str] = frozenset()) -> tuple[str, ...]:
    """Requests that instances of one deployment have acted on more than once, but for those that may be repeated. A
    copy never may."""
    counted = Counter((note.id, note.deployment, note.is_copy) for note in notes)
    return tuple(
        f"{'the copy of ' if is_copy else ''}{id} by {deployment}"
        for (id, deployment, is_copy), count in counted.items()
        if count > 1 and (is_copy or id not in repeatable)
    )


def find_misled(notes: Iterable[Note], answers: Mapping[str, RightAnswer]) -> tuple[str, ...]:
    """What does not fit together between notes and answers: who acted is who answered, and nobody else but for copies,
    which say so, carry the id that the client was told, and go where they were wanted."""
    acted: set[str] = set()
    found = []
    for note in notes:
        answer = answers.get(note.id)
        if answer is None:
            continue
        if note.is_copy:
            if note.deployment not in answer.mirrors:
                found.append(f"{note.deployment} got a copy of {note.id}, and nobody wanted that")
            elif note.request_id != answer.request_id:
                found.append(f"the copy of {note.id} is called {note.request_id}, not {answer.request_id}")
        elif note.deployment != answer.deployment:
            found.append(f"{note.deployment} acted on {note.id}, which {answer.deployment} answered")
        elif note.request_id != answer.request_id:
            found.append(f"{note.id} is called {note.request_id}, and its client was told {answer.request_id}")
        else:
            acted.add(note.id)
    return (*found, *(f"{id} was answered, and nobody has noted it" for id in answers if id not in acted))
