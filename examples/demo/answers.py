"""What the demo's client asks and what it was answered: questions, answers, and the sample of one step."""

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Question:
    """One patient's row as a request body, and what each deployment must answer to it."""

    body: bytes
    expected: dict[str, float]


@dataclass(frozen=True, slots=True)
class Answer:
    deployment: str | None
    latency_s: float
    failure: str | None


@dataclass(slots=True)
class Sample:
    """The answers to the next `size` requests, in the order in which they were *sent*.

    Taking the first to be *answered* instead would favour whichever deployment is quicker.
    """

    size: int
    taken: int = 0
    answers: list[Answer] = field(default_factory=list)

    def take(self) -> bool:
        """Claim a place for one request that is about to be sent."""
        if self.taken == self.size:
            return False
        self.taken += 1
        return True

    @property
    def is_complete(self) -> bool:
        return len(self.answers) == self.size

    def by_deployment(self) -> Counter[str]:
        return Counter(answer.deployment for answer in self.answers if answer.deployment)

    def percentile_ms(self, percent: float) -> float:
        """Nearest rank, over every answer."""
        latencies = sorted(answer.latency_s for answer in self.answers)
        return 1000 * latencies[max(0, math.ceil(len(latencies) * percent / 100) - 1)]


def load_questions(path: Path, models: dict[str, str]) -> list[Question]:
    """Read what training wrote. `models` says which model each deployment serves."""
    written = json.loads(path.read_text())
    predictions = written["predictions"]
    return [
        Question(
            json.dumps({"data": [row]}).encode(),
            {deployment: predictions[model][i] for deployment, model in models.items()},
        )
        for i, row in enumerate(written["rows"])
    ]


def assess_answer(question: Question, status: int, deployment: str | None, body: bytes) -> str | None:
    """What is wrong with an answer, or None. Right means: the value of the deployment that says it answered."""
    if status != 200:
        return f"status {status}: {body[:200].decode(errors='replace')}"
    if deployment not in question.expected:
        return f"answered by {deployment!r}, which is no deployment of this endpoint"
    try:
        answered = predictions_in(json.loads(body))
    except ValueError:
        return f"{deployment} answered something else than predictions: {body[:200]!r}"
    wanted = question.expected[deployment]
    if len(answered) != 1 or not math.isclose(answered[0], wanted, rel_tol=1e-6):
        return f"{deployment} answered {answered} where its model says {wanted}"
    return None


def predictions_in(answer: Any) -> list[float]:
    """The numbers in `{"predictions": [...]}`; ValueError where they are not."""
    predictions = answer.get("predictions") if isinstance(answer, dict) else None
    if not isinstance(predictions, list) or not all(isinstance(number, float) for number in predictions):
        raise ValueError("no predictions")
    return predictions
