"""Interpolation without aliasing as products gives what torch gives."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.export import Dim, export

from network.export.antialiasing import DECOMPOSITIONS


class Resize(nn.Module):
    def __init__(self, mode):
        super().__init__()
        self.mode = mode

    def forward(self, x):
        size = x.shape[2] // 2 + 3, x.shape[3] * 2
        return F.interpolate(x, size, mode=self.mode, antialias=True)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_both_ways_for_any_size(mode):
    net = Resize(mode)
    sides = {2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    program = export(net, (torch.zeros(1, 2, 65, 43),), dynamic_shapes=(sides,))
    program = program.run_decompositions(DECOMPOSITIONS)
    assert not [node for node in program.graph.nodes if "_aa" in str(node.target)]
    run = program.module(check_guards=False)
    for height, width in ((65, 43), (31, 10), (8, 64)):
        image = torch.randn(1, 2, height, width)
        torch.testing.assert_close(run(image), net(image), rtol=0, atol=2e-5)
