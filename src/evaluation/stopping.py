"""When a completion need not go on: what would come is not scored."""

from collections.abc import Callable, Sequence

# A stop is looked for in the last so many tokens: the longest has eight characters.
_TAIL = 16


def beyond_own(
    stops: Sequence[str], own: Callable[[str], str], decode: Callable[[list[int]], str]
) -> Callable[[list[int]], bool]:
    """Whether a completion, in token ids, has more in it than its `own` part. A whole text is looked at where its end
    has one of `stops` in it."""

    def stopped(completion: list[int]) -> bool:
        if not stops:
            return False
        tail = decode(completion[-_TAIL:])
        if not any(stop in tail for stop in stops):
            return False
        text = decode(completion)
        return own(text) != text

    return stopped
