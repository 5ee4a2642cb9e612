"""What a check of a deployment found, as callers hold it. Made by sdk/wire/checks.py."""

from dataclasses import dataclass, field


@dataclass(kw_only=True)
class CheckStep:
    """One step of it; `seconds` None: it goes on."""

    name: str
    seconds: float | None = None


@dataclass(kw_only=True)
class DeploymentCheck:
    """How far a check is, and what came of it.

    `state` is Running, Succeeded, Failed or Canceled; `doing` what it is busy with; `notes` where the environment
    differs from the one asked for; `log` the last lines that the script wrote. `answer_status` and `answer` are what
    the sample request was answered with, None if none was sent. `error_code` and `error` say why it failed, with
    traceback and what to do.
    """

    state: str
    doing: str = ""
    steps: list[CheckStep] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    answer_status: int | None = None
    answer: str | None = None
    error_code: str | None = None
    error: str | None = None
    log: str = ""

    @property
    def ended(self) -> bool:
        return self.state != "Running"
