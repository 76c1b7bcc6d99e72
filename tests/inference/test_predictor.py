"""Test-time augmentation: every pass sees what it should, and is undone where it belongs."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from network.datasets.catalog import LOVEDA, PLAIN, POTSDAM, VAIHINGEN, Augmentation
from network.errors import ConfigError
from network.inference.predictor import Predictor, _brought_back
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


class ByColor(nn.Module):
    """Three classes, by a smooth function of each pixel's color."""

    def forward(self, x):
        return torch.stack([x[:, 0], x[:, 1], 0.5 - x[:, 0] * x[:, 1]], dim=1)


def ramps(height, width):
    """Red grows to the right and green downwards, by 0.05 a pixel."""
    rows, cols = (torch.arange(side) * 0.05 - side * 0.025 for side in (height, width))
    green, red = torch.meshgrid(rows, cols, indexing="ij")
    return torch.stack([red, green, red])[None]


D4 = Augmentation(hflip=True, vflip=True, rotate90=True, scales=(0.5, 0.75, 1.0, 1.25, 1.5))


@pytest.mark.parametrize(("interpolation", "tolerance"), [("bilinear", 1e-3), ("bicubic", 4e-3)])
@pytest.mark.parametrize("size", [(64, 96), (61, 83)])
def test_every_pass_has_the_content_of_the_image_in_its_place(size, interpolation, tolerance):
    """A pass that is shifted by half a pixel, or turned and not turned back, is farther off."""
    predict = Predictor(ByColor(), replace(D4, interpolation=interpolation))
    image = ramps(*size)
    plain = Predictor(ByColor())(image)
    inside = (..., slice(8, -8), slice(8, -8))  # at its edge the image does not go on
    for index, single in enumerate(list(predict.passes)):
        predict.passes = [single]
        difference = (predict(image) - plain)[inside].abs().max().item()
        assert difference < tolerance, f"pass {index} of {2 * 2 * 2 * 5}"
    by_a_pixel = (plain[..., 1:] - plain[..., :-1])[inside].abs().max().item()
    assert by_a_pixel / 2 > tolerance


class ByPlace(nn.Module):
    """The probability of class 0 is another in every place, whatever the image holds."""

    min_size = 1

    def __init__(self, probabilities):
        super().__init__()
        self.probabilities = torch.tensor(probabilities)

    def forward(self, x):
        p = self.probabilities.expand(len(x), -1, -1)
        return torch.stack([p.log(), (1 - p).log()], dim=1)


@pytest.mark.parametrize(
    ("augmentation", "expected"),
    [
        (PLAIN, [[0.1, 0.2], [0.4, 0.9]]),
        (Augmentation(hflip=True), [[0.15, 0.15], [0.65, 0.65]]),
        (Augmentation(vflip=True), [[0.25, 0.55], [0.25, 0.55]]),
        (Augmentation(hflip=True, vflip=True), [[0.4, 0.4], [0.4, 0.4]]),
        # Turned to the left the image gives the same values; turned back they are those to the
        # right of it: [[0.4, 0.1], [0.9, 0.2]].
        (Augmentation(rotate90=True), [[0.25, 0.15], [0.65, 0.55]]),
    ],
    ids=["none", "horizontal", "vertical", "both", "rotation"],
)
def test_probabilities_are_averaged_where_they_belong(augmentation, expected):
    predict = Predictor(ByPlace([[0.1, 0.2], [0.4, 0.9]]), augmentation)
    found = predict(torch.zeros(1, 3, 2, 2))
    torch.testing.assert_close(found[0, 0], torch.tensor(expected))
    torch.testing.assert_close(found[0, 1], 1 - torch.tensor(expected))


def test_scales_are_averaged_where_they_belong():
    """Twice as large, the network sees blocks of 2x2, whose mean comes back."""

    class ByColumn(nn.Module):
        min_size = 1

        def forward(self, x):
            p = torch.arange(1, x.shape[-1] + 1) / 10
            p = p.expand(len(x), x.shape[-2], -1)
            return torch.stack([p.log(), (1 - p).log()], dim=1)

    predict = Predictor(ByColumn(), Augmentation(scales=(1.0, 2.0)))
    found = predict(torch.zeros(1, 3, 2, 3))
    # Whole: 0.1, 0.2, 0.3; twice as large: 0.1 to 0.6, pairs of which are 0.15, 0.35, 0.55.
    expected = torch.tensor([(0.1 + 0.15) / 2, (0.2 + 0.35) / 2, (0.3 + 0.55) / 2])
    torch.testing.assert_close(found[0, 0], expected.expand(2, -1))


def test_bicubic_passes_give_probabilities():
    """Between black and white cubic curves overshoot, and clipped values do not sum to 1."""
    image = torch.zeros(1, 3, 48, 64)
    image[..., 20:, 30:] = 9
    image[:, 1, :, 10:20] = -9
    predict = Predictor(PerPixel(), LOVEDA.augmentation("d4"))
    for passes in (predict.passes, *([single] for single in predict.passes)):
        predict.passes = passes
        found = predict(image)
        assert found.min() >= 0
        assert found.max() <= 1
        torch.testing.assert_close(found.sum(dim=1), torch.ones(1, 48, 64))
    predict.overshoots = False
    assert predict(image).min() < -0.01


def test_values_beyond_0_and_1_are_cut_off_and_shared_out():
    found = _brought_back(torch.tensor([[1.2, -0.1, -0.1], [0.7, 0.5, -0.2]])[..., None, None])
    expected = torch.tensor([[1, 0, 0], [7 / 12, 5 / 12, 0]])
    torch.testing.assert_close(found[..., 0, 0], expected)


def test_a_network_of_another_number_of_classes_is_refused():
    with pytest.raises(
        ConfigError, match=r"PerPixel: output.logits are \[2, 3, 45, 67\].* 4 classes"
    ):
        Predictor(PerPixel(), num_classes=4)(image())
