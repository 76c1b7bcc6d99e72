"""What makes training quick does not change what is computed."""

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from benchmarks.plain import plain_hbis
from network.losses import BiCoRLoss
from network.models import BiCoR
from network.models.hbis import HBIS
from tests.conftest import run_here
from tests.layouts import LAYOUTS, write_layouts


def small_network():
    torch.manual_seed(0)
    return BiCoR("test_convnext", num_classes=6, embed_dim=64)


def step(net, loss):
    torch.manual_seed(1)
    image, mask = torch.randn(2, 3, 64, 96), torch.randint(0, 7, (2, 64, 96))
    return loss(net(image), mask)["total"]


def test_the_network_compiles_without_a_graph_break():
    net, loss = small_network(), BiCoRLoss(ignore_index=6)
    total = step(net, loss)
    total.backward()
    expected = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    torch._dynamo.reset()
    compiled = step(torch.compile(net, backend="eager", fullgraph=True), loss)
    compiled.backward()
    torch.testing.assert_close(compiled, total)
    torch.testing.assert_close([p.grad for p in net.parameters()], expected)


def test_many_sizes_take_few_graphs():
    net = small_network().eval()
    torch._dynamo.reset()
    graphs = CompileCounter()
    compiled = torch.compile(net, backend=graphs, fullgraph=True)
    for height, width in (
        (64, 64),
        (96, 96),
        (128, 64),
        (333, 277),
        (100, 70),
        (256, 256),
        (50, 99),
    ):
        compiled(torch.randn(2, 3, height, width))
    # The first size as it is, then any; torch adds some for convolutions of few pixels on a CPU.
    assert graphs.frame_count <= 4


def test_bf16_keeps_loss_and_gradients_in_float32():
    net, loss = small_network(), BiCoRLoss(ignore_index=6)
    exact = step(net, loss)
    with torch.autocast("cpu", torch.bfloat16):
        total = step(net, loss)
    assert total.dtype == torch.float32
    assert total.item() == pytest.approx(exact.item(), rel=0.02)
    total.backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad.dtype == torch.float32, name
        assert torch.isfinite(parameter.grad).all(), name


def test_gradients_are_accumulated_and_clipped(tmp_path):
    write_layouts(tmp_path)
    settings = ("max_epoch=1", "train_batch_size=1", "repeat=4", "transform.crop_size=64")
    steps = {}
    for accumulate in (1, 2):
        speed = (f"accumulate={accumulate}", "clip_norm=0.1", f"name=a{accumulate}")
        arguments = (*LAYOUTS["loveda"].arguments, *settings, *speed)
        result = run_here(tmp_path, "train.py", *arguments)
        assert result.status == 0, result.error
        path = tmp_path / f"model_weights/loveda/a{accumulate}/last.ckpt"
        steps[accumulate] = torch.load(path, weights_only=True)["global_step"]
    assert steps == {1: 2 * 4, 2: 4}


@pytest.mark.parametrize("topk_ratio", [1.0, 0.1])
def test_the_plain_layer_of_the_benchmark_computes_the_same(topk_ratio):
    torch.manual_seed(0)
    layer = HBIS(32, topk_ratio=topk_ratio).double()
    with torch.no_grad():
        layer.feature_norm.weight.uniform_(0.5, 1.5)
        layer.feature_norm.bias.uniform_(-0.5, 0.5)
    ce = torch.randn(2, 5, 32, dtype=torch.float64)
    f = torch.randn(2, 32, 12, 10, dtype=torch.float64)
    ours = layer(ce, f.flatten(2).transpose(1, 2))
    embeddings, features, heatmap = plain_hbis(layer, ce, f)
    torch.testing.assert_close(ours.embeddings, embeddings, rtol=0, atol=1e-9)
    torch.testing.assert_close(ours.heatmap, heatmap.flatten(2), rtol=0, atol=1e-9)
    torch.testing.assert_close(
        ours.features, features.flatten(2).transpose(1, 2), rtol=0, atol=1e-9
    )
