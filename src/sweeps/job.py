"""What a sweep tells the processes that run its jobs."""

import json
import os
import re
from dataclasses import asdict, dataclass, field

from hydra.core.hydra_config import HydraConfig

from src.errors import FathomError

VARIABLE = "FATHOM_SWEEP_JOB"


@dataclass(frozen=True)
class SweepJob:
    """One job: the parent's MLflow run, the key that was frozen when the sweep started, and the job's overrides.

    `untold` are those of the overrides that the point's name would not say by itself, though others differ in them.

    A process that no sweep started has neither parent nor frozen key.
    """

    parent: str | None = None
    key: str | None = None
    overrides: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)

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


def quoted(text: str) -> str:
    """Text as the value of a Hydra override, in which `=` and `,` have no meaning of their own."""
    # Backslashes are escaped only where Hydra reads them so: before a quote.
    escaped = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), text)
    return f"'{escaped}'"
