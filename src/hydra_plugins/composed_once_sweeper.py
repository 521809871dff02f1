"""Hydra's own sweeper, for launchers that compose and check all jobs before the first of them begins."""

from collections.abc import Sequence

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper


class ComposedOnceSweeper(BasicSweeper):
    """Hydra's composes every job before its launcher does so again: two minutes for a thousand jobs."""

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """The launcher says what does not compose."""
