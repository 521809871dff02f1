"""What a sweep tells the processes that run its jobs."""

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from hydra.core.hydra_config import HydraConfig

from src.errors import FathomError

VARIABLE = "FATHOM_SWEEP_JOB"


@dataclass(frozen=True)
class SweepJob:
    """One job: the parent's MLflow run, the key that was frozen when the sweep started, and the job's overrides.

    `untold` are those of the overrides that the point's name would not say by itself, though others differ in them.

    `seconds` is the time that the point has. A process that no sweep started has neither parent, frozen key nor limit.
    """

    parent: str | None = None
    key: str | None = None
    overrides: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    seconds: float | None = None

    @classmethod
    def of_this_process(cls) -> "SweepJob":
        if VARIABLE in os.environ:
            return cls(**json.loads(os.environ[VARIABLE]))
        overrides = HydraConfig.get().overrides.task if HydraConfig.initialized() else []
        return cls(overrides=list(overrides))

    def environment(self) -> dict[str, str]:
        return {VARIABLE: json.dumps(asdict(self))}

    def check_unchanged(self, key: str) -> None:
        """Refuse to run something else than what the sweep froze."""
        if self.key is not None and self.key != key:
            raise FathomError(
                f"the sweep froze this point as {self.key}, but it is {key} now: code, data or base changed after the "
                "sweep started. Start the sweep again; what is complete and unchanged will not be run twice"
            )

    @contextmanager
    def time_limit(self) -> Iterator[None]:
        """Within, the point's time runs; FathomError once it is over."""

        def over(*_: object) -> None:
            raise _TimeIsOver

        if self.seconds is None:
            yield
            return
        signal.signal(signal.SIGALRM, over)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)
        try:
            yield
        except _TimeIsOver:
            raise FathomError(
                f"its time is over ({self.seconds:g} s, hydra.launcher.time_limit_minutes): the same command goes on "
                "from the last checkpoint"
            ) from None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


class _TimeIsOver(BaseException):
    """No Exception, so that no library takes it for an error of its own; the run ends as KILLED."""


def quoted(text: str) -> str:
    """Text as the value of a Hydra override, in which `=` and `,` have no meaning of their own."""
    # Backslashes are escaped only where Hydra reads them so: before a quote.
    escaped = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), text)
    return f"'{escaped}'"
