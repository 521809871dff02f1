"""pass@k: how likely one of k samples is right (Chen et al. 2107.03374, equation 1)."""

from math import comb


def pass_at_k(samples: int, right: int, k: int) -> float:
    """Unbiased estimate from `samples` completions of an item of which `right` are right; needs 1 ≤ k ≤ samples."""
    if not (1 <= k <= samples and 0 <= right <= samples):
        raise ValueError(f"pass@{k} cannot be estimated from {right} right ones of {samples} samples")
    return 1.0 - comb(samples - right, k) / comb(samples, k)
