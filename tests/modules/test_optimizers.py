"""What the optimisers do to the weights, beside AdamW in float32 at a learning rate that bfloat16 rounds away."""

import pytest
import torch
from torch.optim import AdamW

from src.modules import optimizers
from src.modules.optimizers import StochasticAdamW, make_optimizer, stochastically_rounded

STEPS = 120
LR = 1e-5
BETAS = (0.9, 0.95)


def pull(weights, make):
    """What `make`'s optimiser adds in STEPS steps to copies of `weights`, which noisy gradients pull towards 0."""
    held = [torch.nn.Parameter(w.clone()) for w in weights]
    optimizer = make(held)
    draw = torch.Generator().manual_seed(2)
    for _ in range(STEPS):
        for parameter in held:
            noise = torch.randn(parameter.shape, generator=draw)
            parameter.grad = (parameter.detach().float().sign() + noise).to(parameter.dtype)
        optimizer.step()
    return torch.cat([(p.detach().float() - w.float()).flatten() for p, w in zip(held, weights, strict=True)])


@pytest.fixture(scope="module")
def weights():
    """Values that bfloat16 holds exactly, of the usual size of a large model's."""
    draw = torch.Generator().manual_seed(1)
    return [0.02 * torch.randn(300, 200, generator=draw).bfloat16(), torch.ones(200, dtype=torch.bfloat16)]


def slope_and_correlation(update, reference):
    correlation = torch.corrcoef(torch.stack([update, reference]))[0, 1]
    return float(update @ reference / (reference @ reference)), float(correlation)


def test_stochastic_rounding_moves_bfloat16_weights_as_float32_moves_and_rounding_to_the_nearest_does_not(weights):
    reference = pull([w.float() for w in weights], lambda held: AdamW(held, lr=LR, betas=BETAS, weight_decay=0.0))
    nearest = pull(weights, lambda held: AdamW(held, lr=LR, betas=BETAS, weight_decay=0.0))
    stochastic = pull(weights, lambda held: StochasticAdamW(held, lr=LR, betas=BETAS, seed=0))
    slope, correlation = slope_and_correlation(stochastic, reference)
    assert slope == pytest.approx(1, abs=0.03)
    assert correlation > 0.9
    assert slope_and_correlation(nearest, reference)[0] < 0.3
    # The norm's weights of 1, whose neighbours are hundreds of steps away, move on the average.
    assert (nearest[-200:] == 0).all()
    assert float(stochastic[-200:].mean()) == pytest.approx(float(reference[-200:].mean()), rel=0.4)


@pytest.mark.parametrize("name", ["adamw_8bit", "paged_adamw_8bit"])  # nothing is paged on a CPU
def test_eight_bit_moments_move_float32_weights_as_float32_moments_do(weights, name):
    pytest.importorskip("bitsandbytes")
    as_float = [w.float() for w in weights]
    reference = pull(as_float, lambda held: AdamW(held, lr=LR, betas=BETAS, weight_decay=0.0))
    of_8_bits = pull(
        as_float,
        lambda held: make_optimizer(name, [{"params": held, "weight_decay": 0.0}], lr=LR, betas=BETAS, seed=0),
    )
    slope, correlation = slope_and_correlation(of_8_bits, reference)
    assert slope == pytest.approx(1, abs=0.1)
    assert correlation > 0.95


def test_the_mean_of_stochastic_rounding_is_the_value_and_its_values_are_the_neighbours_in_bfloat16():
    values = torch.tensor([1.001, -1.001, 3e-20, 0.0, 0.5, -7.77])
    drawn = stochastically_rounded(values.expand(40_000, -1).contiguous(), torch.Generator().manual_seed(0))
    assert torch.equal(drawn, drawn.bfloat16().float())
    assert all(len(column.unique()) <= 2 for column in drawn.T)
    torch.testing.assert_close(drawn.mean(0), values, rtol=1e-4, atol=0)


def test_a_step_in_pieces_computes_adamw(monkeypatch, weights):
    """The first step from weights and moments of 0, where what is rounded is known: the update's sign and size."""
    monkeypatch.setattr(optimizers, "AT_A_TIME", 7)
    parameter = torch.nn.Parameter(torch.zeros(4, 11, dtype=torch.bfloat16))
    parameter.grad = torch.linspace(-1, 1, 44).view(4, 11).bfloat16()
    StochasticAdamW([parameter], lr=2.0**-10, betas=BETAS, seed=0).step()
    expected = -(2.0**-10) * parameter.grad.float().sign()
    torch.testing.assert_close(parameter.detach().float(), expected, rtol=2**-7, atol=0)


def test_the_same_seed_rounds_alike_and_another_does_not(weights):
    def update(seed):
        return pull(weights[1:], lambda held: StochasticAdamW(held, lr=LR, betas=BETAS, seed=seed))

    assert torch.equal(update(3), update(3))
    assert not torch.equal(update(3), update(4))
