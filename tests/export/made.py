"""Checkpoints of small networks that nothing has trained."""

from functools import partial

import torch

from network.datasets.catalog import DatasetSpec
from network.experiment import Experiment
from network.inference.checkpoint_files import as_stored
from network.inference.identity import Identity
from network.inference.segmenter import Segmenter
from network.models import D2LS, BiCoR, SmpNet, UNetFormer

RGB = DatasetSpec(name="own", classes=("a", "b|c", "d"), palette=((1, 2, 3), (4, 5, 6), (7, 8, 9)),
                  unscored=("d",))  # fmt: skip
MANY = DatasetSpec(
    name="many", classes=("a", "b"), palette=((1, 2, 3), (4, 5, 6)), bands=(4, 2, 1, 3),
    band_names=("nir", "g", "r", "b"), scale=(0.0, 10000.0), mean=(0.1, 0.2, 0.3, 0.4),
    std=(0.1, 0.2, 0.3, 0.4),
)  # fmt: skip
NETWORKS = {
    "BiCoR convnext": partial(BiCoR, "test_convnext", embed_dim=32),
    "BiCoR vit": partial(BiCoR, "test_vit", embed_dim=32),
    "BiCoR resnet": partial(BiCoR, "test_resnet", embed_dim=32, topk_ratio=(0.02, 1.0)),
    "BiCoR scaled": partial(BiCoR, "test_resnet", embed_dim=32, input_scale=2 / 3, num_hbis=0),
    "D2LS": partial(D2LS, "test_convnext", embed_dim=32),
    "UNetFormer": partial(UNetFormer, "test_resnet", dim=16, heads=2),
    "SmpNet": partial(SmpNet, "fpn", "test_resnet", decoder_pyramid_channels=32),
}


def write_checkpoint(path, net, spec=RGB, **facts):
    """Write an untrained network, its batch norms as if they had seen images."""
    torch.manual_seed(0)
    experiment = Experiment(dataset=partial(DatasetSpec), net=net)
    built = experiment.build_net(spec)
    for name, value in built.state_dict().items():
        if name.endswith("running_mean"):
            value.uniform_(-0.5, 0.5)
        if name.endswith("running_var"):
            value.uniform_(0.5, 2)
    identity = Identity.of(experiment, spec).record()
    torch.save({"state_dict": as_stored(built.state_dict()), "identity": identity} | facts, path)
    return path


def segmenter_of(path, net, spec=RGB, **facts):
    return Segmenter.of_checkpoint(write_checkpoint(path, net, spec, **facts), "cpu")
