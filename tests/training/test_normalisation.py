"""Pretrained weights that expect images of another mean and deviation than they get."""

import pytest
import timm
import torch

from network.models import D2LS, BiCoR, SmpNet, UNetFormer
from network.models.backbone_parts import normalisation_of
from tests.conftest import succeed_here

HALVES = ((0.5,) * 3, (0.5,) * 3)
SAID = "timm's weights of this backbone are for images normalised by mean=(0.5, 0.5, 0.5)"


@pytest.mark.parametrize(
    "net",
    [
        BiCoR("test_convnext", embed_dim=16),
        UNetFormer("test_vit"),
        D2LS("test_resnet", embed_dim=16),
        SmpNet("fpn", "test_resnet"),
        SmpNet("fpn", "test_convnext"),
        SmpNet("dpt", "test_vit"),
    ],
    ids=lambda net: type(net).__name__,
)
def test_every_network_knows_what_its_weights_are_for(net):
    assert normalisation_of(net) == HALVES


def test_a_network_that_does_not_know():
    assert normalisation_of(torch.nn.Conv2d(3, 2, 1)) is None


def test_it_is_said_once_and_how_to_give_them_theirs(own):
    torch.save(timm.create_model("test_convnext").state_dict(), own / "weights.pth")
    command = ("train.py", "-c", "bicor.py", "sample_every=0")
    pretrained = (*command, "net.pretrained=weights.pth")
    result = succeed_here(own, *pretrained)
    (note,) = [line for line in result.out.splitlines() if SAID in line]
    assert "mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)" in note
    setting = note.rpartition(", set ")[2].replace("'", "").replace(" dataset.std", "|dataset.std")
    result = succeed_here(own, *pretrained, *setting.split("|"))
    assert SAID not in result.out
    assert SAID not in succeed_here(own, *command).out
    assert SAID not in succeed_here(own, *pretrained, "max_epoch=2", "--resume", "auto").out
