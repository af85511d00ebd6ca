"""Leading principal directions."""

import torch

from model.components import leading


def spectra(n: int, pixels: int, kinds: int) -> torch.Tensor:
    g = torch.Generator().manual_seed(3)
    scales = torch.logspace(1, -3, kinds)
    directions = torch.linalg.qr(torch.randn(pixels, kinds, generator=g))[0]
    return 5 + (torch.randn(n, kinds, generator=g) * scales) @ directions.T


def test_leading_directions_are_those_of_a_whole_decomposition() -> None:
    for n, pixels in ((300, 500), (500, 300), (300, 100)):
        x = spectra(n, pixels, 100)
        found, variance = leading(x, 40)
        _, s, v = torch.linalg.svd((x - x.mean(0)).double(), full_matrices=False)
        torch.testing.assert_close(variance.double(), s[:40].square() / n, rtol=1e-4, atol=0)
        along = (found.double() * v[:40]).sum(1).abs()
        torch.testing.assert_close(along, torch.ones_like(along), rtol=0, atol=1e-4)


def test_no_more_directions_than_there_are_and_none_of_a_flat_patch() -> None:
    assert [len(part) for part in leading(spectra(50, 16, 16), 64)] == [16, 16]
    directions, variance = leading(torch.ones(50, 16), 8)
    assert variance.abs().max() == 0
    assert directions.isfinite().all()


def test_the_same_directions_each_time_and_no_random_numbers_of_others_used() -> None:
    x = spectra(200, 300, 100)
    torch.manual_seed(1)
    first = leading(x, 20)[0]
    drawn = torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(3))
    assert torch.equal(first, leading(x, 20)[0])
