"""Sizes that may be any are computed as those of an image are."""

import pytest
import torch
from torch import nn
from torch.export import Dim, export

from network.models.open_sizes import parts_over, rounded_share
from network.models.padding import cropped, mirror, pad_to_multiple


class Sizes(nn.Module):
    def __init__(self, share):
        super().__init__()
        self.share = share

    def forward(self, x):
        size = x.shape[0]
        return x.new_zeros(rounded_share(self.share, size) + 1), x.new_zeros(parts_over(size, 4))


@pytest.mark.parametrize("share", [0.02, 0.25, 0.5, 2 / 3, 1.0, 1.5])
def test_shares_and_parts(share):
    net = Sizes(share)
    program = export(net, (torch.zeros(77),), dynamic_shapes=({0: Dim.DYNAMIC},))
    run = program.module(check_guards=False)
    for size in (5, 7, 10, 25, 75, 150, 151, 333):
        some, parts = run(torch.zeros(size))
        assert len(some) - 1 == round(share * size)
        assert len(parts) == -(-size // 4)


class Padded(nn.Module):
    def forward(self, x):
        padded = pad_to_multiple(x, 8, 16)
        mirrored = mirror(x, 3, 4, 3, 4)
        return padded, mirrored, cropped(padded, *x.shape[-2:])


def test_padding_and_cropping_of_any_size():
    net = Padded()
    sides = {2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    run = export(net, (torch.zeros(1, 1, 13, 21),), dynamic_shapes=(sides,)).module(
        check_guards=False
    )
    for size in ((13, 21), (16, 24), (2, 3), (9, 40)):
        image = torch.randn(1, 1, *size)
        for found, wanted in zip(run(image), net(image), strict=True):
            torch.testing.assert_close(found, wanted, rtol=0, atol=0)
