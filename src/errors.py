"""The exceptions whose text is meant for the user as it stands."""


class FathomError(Exception):
    """What is wrong, where, and what to do, in a sentence or two. Entry points print it without a traceback."""

    exit_status = 1


class OutOfReach(FathomError):
    """Something outside is away for now, a tracking server say: the same command may do later what it cannot now."""

    exit_status = 75  # EX_TEMPFAIL of sysexits.h


class Unsynced(FathomError):
    """Everything was computed and is kept on disk, and the tracking store is away: src/sync.py brings it there."""

    exit_status = 76
