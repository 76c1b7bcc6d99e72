"""What a network may give, and what is refused by name."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from network.errors import ConfigError
from network.models import BiCoR, BiCoROutput, SegmentationOutput
from network.models.output import segment

IMAGE = torch.zeros(2, 3, 8, 10)
LOGITS = torch.randn(2, 4, 8, 10)


class Gives(nn.Module):
    def __init__(self, given):
        super().__init__()
        self.given = given

    def forward(self, x):
        return self.given


@dataclass
class Own:
    logits: torch.Tensor
    class_embeddings: list
    something: str = "else"


@pytest.mark.parametrize("given", [LOGITS, SimpleNamespace(logits=LOGITS, heatmaps=None)])
def test_what_is_lacking_is_empty(given):
    out = segment(Gives(given), IMAGE, 4)
    assert isinstance(out, SegmentationOutput)
    assert out.logits is LOGITS
    assert (out.aux_logits, list(out.heatmaps), list(out.class_embeddings)) == (None, [], [])


def test_what_is_there_is_kept():
    embeddings = [torch.zeros(2, 4, 16), torch.zeros(2, 4, 32)]
    out = segment(Gives(Own(LOGITS, embeddings)), IMAGE)
    assert out.class_embeddings is embeddings
    net = BiCoR("test_convnext", num_classes=4, embed_dim=16)
    out = segment(net.train(), torch.zeros(2, 3, 32, 40), 4)
    assert out.aux_logits.shape == (2, 4, 32, 40)
    assert len(out.heatmaps) == len(out.class_embeddings) == 2


def giving(**parts):
    return SimpleNamespace(**({"logits": LOGITS} | parts))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([LOGITS], r"^Gives gives a list of 1; a network must give logits \[B, N, H, W\]"),
        ({}, "a dict with nothing in it"),
        ({"logits": LOGITS, "aux": 0}, "a dict with 'logits', 'aux'"),
        ("logits", "a str;"),
        (giving(logits=[LOGITS]), "a SimpleNamespace;"),
        (LOGITS[:1], r"output.logits are \[1, 4, 8, 10\]; .*must be \[2, 4, 8, 10\]"),
        (LOGITS[0, 0, 0, 0], r"output.logits are \[\]; .*must be \[2, 4, 8, 10\]"),
        (LOGITS[..., 0], r"output.logits are \[2, 4, 8\]; .*must be \[2, 4, 8, 10\]"),
        (giving(aux_logits=LOGITS[:, :, :4]), r"output.aux_logits are \[2, 4, 4, 10\]"),
        (giving(heatmaps=LOGITS), r"output.heatmaps are \[4, 8, 10\]; .*must be \[2, 4, h, w\]"),
        (giving(heatmaps=[LOGITS, 3]), "output.heatmaps are a int; "),
        (giving(class_embeddings=[LOGITS]), r"class_embeddings are .*must be \[2, 4, C\]"),
    ],
)
def test_anything_else_is_refused_with_what_came_and_what_is_needed(given, message):
    with pytest.raises(ConfigError, match=message):
        segment(Gives(given), IMAGE, 4)


def test_the_number_of_classes_is_that_of_the_dataset_where_it_is_known():
    assert segment(Gives(LOGITS), IMAGE).logits.shape[1] == 4
    with pytest.raises(ConfigError, match=r"of 5 classes they must be \[2, 5, 8, 10\]"):
        segment(Gives(LOGITS), IMAGE, 5)


def test_the_output_of_bicor_is_the_one_that_all_stages_know():
    out = BiCoROutput(LOGITS, None, [LOGITS], [])
    assert (out.logits, out.aux_logits, out.heatmaps, out.class_embeddings) == tuple(out)
    found = BiCoR("test_convnext", num_classes=4, embed_dim=32)(torch.zeros(2, 3, 32, 32))
    assert type(found) is type(out) is SegmentationOutput
