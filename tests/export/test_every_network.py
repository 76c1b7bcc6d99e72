"""Every network in every format that is a graph: ``make slow``, some minutes."""

from functools import partial

import pytest

from network.export.graph import GraphOptions
from network.export.onnx_file import write_onnx
from network.export.program import write_program
from network.models import D2LS, BiCoR, SmpNet, UNetFormer
from tests.export.made import segmenter_of

SWIN = {"backbone": "swin_tiny_patch4_window7_224", "embed_dim": 32}
SWIN["backbone_options"] = {"depths": (1, 1, 1, 1), "embed_dim": 24}
TWO_THIRDS = {"topk_ratio": 0.02, "input_scale": 2 / 3}
ANY, ONE = GraphOptions(), GraphOptions(size=333)
NETWORKS = {
    "BiCoR convnext": (partial(BiCoR, "test_convnext", embed_dim=32), ANY),
    "BiCoR convnext scaled": (partial(BiCoR, "test_convnext", embed_dim=32, **TWO_THIRDS), ANY),
    "BiCoR resnet18": (partial(BiCoR, "resnet18", embed_dim=32, topk_ratio=0.02), ANY),
    "BiCoR vit": (partial(BiCoR, "test_vit", embed_dim=32), ANY),
    "BiCoR vit scaled": (partial(BiCoR, "test_vit", embed_dim=32, **TWO_THIRDS), ANY),
    "BiCoR swin": (partial(BiCoR, **SWIN), GraphOptions(size=256)),
    "BiCoR swin scaled": (partial(BiCoR, **SWIN, **TWO_THIRDS), ONE),
    "BiCoR static": (partial(BiCoR, "test_resnet", embed_dim=32, num_hbis=0), ANY),
    "D2LS": (partial(D2LS, "test_convnext", embed_dim=32), ANY),
    "UNetFormer": (partial(UNetFormer, "test_resnet", dim=16, heads=2), ANY),
    "UNetFormer of one size": (partial(UNetFormer, "test_resnet", dim=16, heads=2), ONE),
    "SmpNet fpn": (partial(SmpNet, "fpn", "test_resnet"), ANY),
    "SmpNet unet": (partial(SmpNet, "unet", "resnet18"), ANY),
    "SmpNet segformer": (partial(SmpNet, "segformer", "test_convnext"), ANY),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["onnx", "pt2"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_in_a_format(name, kind, tmp_path):
    net, options = NETWORKS[name]
    write = {"onnx": write_onnx, "pt2": write_program}[kind]
    segmenter = segmenter_of(tmp_path / "network.ckpt", net)
    difference = write(segmenter, tmp_path / f"network.{kind}", options)
    print(f"{name}, {kind}: {difference:.1e}")
    assert difference <= 1e-4
