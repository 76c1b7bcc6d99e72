import pytest
import torch
from torch import nn

from network.datasets.catalog import LOVEDA, PLAIN, POTSDAM, VAIHINGEN, Augmentation
from network.inference.predictor import Predictor
from network.models import BiCoROutput


class PerPixel(nn.Module):
    """Its output at a pixel depends on that pixel alone."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        self.seen.append(tuple(x.shape[-2:]))
        return BiCoROutput(torch.stack([x[:, 0], -x[:, 0], x[:, 1]], dim=1), None, [], [])


def image(height=45, width=67):
    torch.manual_seed(0)
    return torch.randn(2, 3, height, width)


def test_flips_and_rotations_of_a_pixelwise_network_change_nothing():
    plain = Predictor(PerPixel(), PLAIN)(image())
    augmented = Predictor(PerPixel(), Augmentation(hflip=True, vflip=True, rotate90=True))(image())
    torch.testing.assert_close(augmented, plain)
    torch.testing.assert_close(plain.sum(dim=1), torch.ones(2, 45, 67))


@pytest.mark.parametrize(
    ("spec", "passes"), [(VAIHINGEN, 2 * 2 * 2 * 5), (POTSDAM, 2 * 2 * 4), (LOVEDA, 2 * 4)]
)
def test_number_and_sizes_of_the_d4_passes(spec, passes):
    net = PerPixel()
    predict = Predictor(net, spec.augmentation("d4"))
    result = predict(image(64, 96))
    assert len(predict.passes) == len(net.seen) == passes
    assert result.shape == (2, 3, 64, 96)
    assert len(Predictor(net, spec.augmentation("lr")).passes) == 4
    assert {tuple(sorted(size)) for size in net.seen} == {
        (int(64 * s), int(96 * s)) for s in spec.d4.scales
    }


@pytest.mark.parametrize("size", [(33, 47), (101, 64), (1, 40)])
def test_any_size_goes_through_every_scale(size):
    result = Predictor(PerPixel(), VAIHINGEN.augmentation("d4"))(image(*size))
    assert result.shape == (2, 3, *size)
    torch.testing.assert_close(result.sum(dim=1), torch.ones(2, *size))
