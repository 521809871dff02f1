"""IFEval's loose reading of a response (Zhou et al. 2311.07911, section 2.2)."""


def loose_variants(response: str) -> list[str]:
    """The response itself and seven others: without its first line, last line or both, each with and without asterisks.

    An instruction counts as loosely followed where one of them follows it: an opening such as "Sure, here it is:" and
    Markdown's emphasis are forgiven.
    """
    lines = response.split("\n")
    cut = [response, *("\n".join(kept).strip() for kept in (lines[1:], lines[:-1], lines[1:-1]))]
    return [*cut, *(text.replace("*", "") for text in cut)]
