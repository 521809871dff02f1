"""The one exception whose text is meant for the user as it stands."""


class FathomError(Exception):
    """What is wrong, where, and what to do, in a sentence or two. Entry points print it without a traceback."""
