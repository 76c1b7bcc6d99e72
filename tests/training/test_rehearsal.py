"""Faults that only a step shows are found before anything is written."""

import pytest
import torch
from torch import nn

from network.losses import BiCoRLoss
from network.models import BiCoR
from network.training.rehearsal import rehearse
from tests.conftest import refused

FIXED = """
from torch import nn
from network.models import BiCoROutput

class Fixed(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.net = nn.Conv2d(3, num_classes, 1)

    def forward(self, x):
        assert tuple(x.shape[-2:]) == (64, 64), "images of 64x64 only"
        return BiCoROutput(self.net(x), None, [], [])

net = partial(Fixed)
"""
SMALL = """
from torch import nn
from network.models import BiCoROutput

class Small(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.net = nn.Conv2d(3, num_classes, 4, 4)

    def forward(self, x):
        return BiCoROutput(self.net(x), None, [], [])

net = partial(Small)
"""


@pytest.mark.parametrize(
    ("more", "settings", "words"),
    [
        (
            "",
            ("net.backbone=resnet18", "transform.crop_size=32", "train_batch_size=1"),
            ["fail in training on a batch of 1 of 32x32 pixels", "train_batch_size"],
        ),
        (FIXED, (), ["Fixed", "fail in validation", "images of 64x64 only", "one fixed size"]),
        (SMALL, (), ["Small: output.logits are [1, 6, 16, 16]", "they must be [1, 6, 64, 64]"]),
    ],
    ids=["batch norm of one value", "one size only", "small logits"],
)
def test_faults_come_before_work(own, more, settings, words):
    with (own / "bicor.py").open("a") as config:
        config.write(more)
    refused(own, *words, arguments=("-c", "bicor.py", *settings))


class Batches:
    """A data module of random images."""

    train_batch_size = 2

    class layout:
        class spec:
            num_classes = 3

    def first_batch(self, split, images, device):
        masks = torch.randint(0, 3, (images, 64, 64))
        return {"image": torch.randn(images, 3, 64, 64), "mask": masks}


def test_what_follows_is_as_if_nothing_had_been_rehearsed():
    net, loss = BiCoR("resnet18", num_classes=3, embed_dim=16), BiCoRLoss(ignore_index=3)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.get_rng_state()
    rehearsal = rehearse(net, loss, Batches(), torch.device("cpu"), "32-true")
    assert set(rehearsal.terms) == {"main", "heatmap", "total"}  # those of a validation
    assert not rehearsal.without_gradient
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert net.training and isinstance(net, nn.Module)


def test_parameters_that_the_loss_does_not_reach_are_named():
    net, loss = BiCoR("resnet18", num_classes=3, embed_dim=16), BiCoRLoss(3, aux_weight=0)
    rehearsal = rehearse(net, loss, Batches(), torch.device("cpu"), "32-true")
    assert rehearsal.without_gradient == ["aux_class_weights.weight"]
