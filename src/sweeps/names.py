"""What a sweep, its points and its curves are called: all that tells them apart, and no more."""

from collections.abc import Collection, Sequence

from src.points.point import Point

Curve = tuple[str, ...]  # the words that name it: ("tiny_llama3-s", "arithmetic", "recipe.lr=0.01")


def keys_to_tell(points: Sequence[tuple[str, str, Sequence[str]]]) -> list[str]:
    """The keys whose overrides names must say as well, of points given by study, name and overrides.

    These are the keys in which two points differ that would have one name in one study.
    """
    alike: dict[tuple[str, str], list[dict[str, str]]] = {}
    for study, name, overrides in points:
        alike.setdefault((study, name), []).append(_by_key(overrides))
    keys = dict.fromkeys(key for *_, overrides in points for key in _by_key(overrides))  # as on the command line
    return [key for key in keys if any(len({one.get(key) for one in group}) > 1 for group in alike.values())]


def told(overrides: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Those of the overrides that are of these keys."""
    given = _by_key(overrides)
    return [given[key] for key in keys if key in given]


def _by_key(overrides: Sequence[str]) -> dict[str, str]:
    return {override.partition("=")[0]: override.lstrip("+") for override in overrides}


def sweep_name(points: Sequence[Point]) -> str:
    """What the points share, then how many curves, sizes and seeds they make."""
    curves = {point.curve for point in points}
    sizes = sorted({point.config.n_examples for point in points})
    seeds = sorted({point.config.seed for point in points})
    return " · ".join(
        [
            *("sweep", *_shared(curves)),
            *([f"{len(curves)} curves"] if len(curves) > 1 else []),
            f"n={sizes[0]}…{sizes[-1]}" if len(sizes) > 1 else f"n={sizes[0]}",
            f"{len(seeds)} seeds" if len(seeds) > 1 else f"seed={seeds[0]}",
        ]
    )


def chart_labels(curves: Collection[Curve]) -> dict[Curve, str]:
    """Each curve by the words that it does not share with all others, or by all of its words where none is left."""
    shared = _shared(curves)
    return {curve: " ".join([word for word in curve if word not in shared] or curve) for curve in curves}


def _shared(curves: Collection[Curve]) -> list[str]:
    first, *others = curves
    return [word for word in first if all(word in other for other in others)]
