"""Why something could not be done, in words a person can act on; kept as a condition, an operation's error, a log
line."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A reason with its evidence. `code` is stable (docs/errors.md); everything else is for reading."""

    code: str
    message: str
    hint: str | None = None
    traceback: str | None = None
    exit_code: int | None = None
    signal: str | None = None
    log_tail: str | None = None

    def describe(self) -> str:
        """The whole story in one text: sentence, how the process ended, traceback, last log lines, what to do."""
        parts = [self.message]
        if self.signal:
            parts.append(f"The process was ended by {self.signal}.")
        elif self.exit_code is not None:
            parts.append(f"The process ended with exit code {self.exit_code}.")
        if self.traceback:
            parts.append(self.traceback.rstrip())
        elif self.log_tail:
            parts.append(f"Last log lines:\n{self.log_tail.rstrip()}")
        if self.hint:
            parts.append(f"Hint: {self.hint}")
        return "\n".join(parts)
