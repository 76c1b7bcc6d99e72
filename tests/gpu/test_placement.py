"""Every tensor is where it is needed: CUDA without a GPU, by tensors that have no content."""

from contextlib import contextmanager

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from network.datasets.catalog import LOVEDA, POTSDAM, VAIHINGEN
from network.datasets.datamodule import SegmentationDataModule
from network.datasets.isprs import VaihingenDataset
from network.evaluation.test import score
from network.experiment import Experiment
from network.inference.predictor import Predictor
from network.losses import BiCoRLoss, SegmentationLoss
from network.models import BiCoR, SegmentationOutput
from network.scenes.blending import blend, tile
from network.scenes.large_images import predict_classes
from network.training.module import SegmentationModule
from tests.conftest import REPOSITORY

CUDA = torch.device("cuda", 0)


@contextmanager
def without_content():
    """Tensors with a shape, a type and a device; mixed devices are an error as on a GPU."""
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True):
            yield
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(before)


class Transfers(TorchDispatchMode):
    """Counts what goes from one device to another, or is read back into Python."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        inputs, outputs = (
            {leaf.device for leaf in tree_leaves(tree) if torch.is_tensor(leaf)}
            for tree in ((args, kwargs), out)
        )
        if inputs and outputs and inputs != outputs:
            self.found.append(str(func))
        return out


def network():
    return BiCoR("test_convnext", num_classes=6, embed_dim=32, topk_ratio=[1.0, 0.1])


def data_module():
    return SegmentationDataModule(VaihingenDataset("nowhere"))


def batch(side=70):
    mask = torch.zeros(2, side, side, dtype=torch.uint8, device=CUDA)
    image = torch.zeros(2, 3, side, side, dtype=torch.uint8, device=CUDA)
    return {"image": image, "mask": mask, "eroded": mask, "name": ["a", "b"]}


def test_tensors_on_two_devices_are_found():
    with without_content(), pytest.raises(RuntimeError, match=r"cuda:0(,| and) cpu"):
        torch.zeros(3, device=CUDA) + torch.zeros(3)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("input_scale", [1.0, 0.5])
def test_forward_and_loss(training, input_scale):
    net, loss = network().train(training), BiCoRLoss(ignore_index=6).train(training)
    net.input_scale = input_scale
    with without_content():
        out = net.to(CUDA)(torch.zeros(2, 3, 70, 90, device=CUDA))
        terms = loss(out, torch.zeros(2, 70, 90, dtype=torch.long, device=CUDA))
    found = [out.logits, *out.heatmaps, *out.class_embeddings, *terms.values()]
    found += [out.aux_logits] if training else []
    assert {each.device for each in found} == {CUDA}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_forward_and_loss_in_mixed_precision(dtype, monkeypatch):
    net, loss = network(), BiCoRLoss(ignore_index=6)
    with without_content():
        net.to(CUDA)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_, **__: True)
        with torch.autocast("cuda", dtype):
            out = net(torch.zeros(2, 3, 70, 90, device=CUDA))
            terms = loss(out, torch.zeros(2, 70, 90, dtype=torch.long, device=CUDA))
    assert out.logits.dtype == dtype
    assert {each.dtype for each in (*out.heatmaps, *terms.values())} == {torch.float32}
    assert {each.device for each in (out.logits, *terms.values())} == {CUDA}


def test_a_step_with_its_counts_and_means():
    experiment = Experiment.load(REPOSITORY / "config/vaihingen/bicor.py")
    module = SegmentationModule(network(), BiCoRLoss(ignore_index=6), VAIHINGEN, experiment)
    data = data_module()
    with without_content():
        module.to(CUDA)
        ready = data.on_after_batch_transfer(batch())
        for _ in range(2):
            module.validation_step(ready, 0)
        sums = module.averages["val"].state()
    assert ready["image"].dtype == torch.float32
    assert {value.device for value in (*ready.values(), *sums.values()) if torch.is_tensor(value)} \
        == {module.val_confusion.confmat.device} == {CUDA}  # fmt: skip


@pytest.mark.parametrize("spec", [VAIHINGEN, POTSDAM, LOVEDA], ids=lambda spec: spec.name)
def test_every_pass_of_d4(spec):
    net = network()
    with without_content():
        predict = Predictor(net, spec.augmentation("d4"), CUDA)
        result = predict(torch.zeros(1, 3, 45, 70, device=CUDA))
    assert result.shape == (1, 6, 45, 70)
    assert result.device == CUDA


def test_a_test_counts_on_the_device():
    class Writer:
        def write(self, name, mask):
            written[name] = mask.device

    written, net, data = {}, network(), data_module()
    with without_content():
        predictors = {tta: Predictor(net, VAIHINGEN.augmentation(tta), CUDA) for tta in ("lr",)}
        ready = [data.on_after_batch_transfer(batch())]
        counts = score(predictors, ready, VAIHINGEN, Writer())
    assert written == {"a": CUDA, "b": CUDA}
    assert [found.matrices.shape for found in counts.values()] == [(2, 6, 6)] * 2


@pytest.mark.parametrize("first_is_empty", [True, False])
def test_blended_windows_stay_on_the_device(first_is_empty):
    tiling, net = tile(100, 130, 64, 0.25), network()

    def read(top, left):
        if first_is_empty and top == left == 0:
            return None, None
        return torch.zeros(1, 3, tiling.rows, tiling.cols, device=CUDA), None

    with without_content():
        predict = Predictor(net, device=CUDA)
        with Transfers() as transfers:
            regions = list(blend(read, predict, tiling, 6, CUDA))
    assert len(regions) == tiling.count == 12
    assert {region.probabilities.device for region in regions} == {CUDA}
    assert len(transfers.found) == len(["weights of rows", "weights of columns"])


def test_windows_of_a_large_image_stay_on_the_device():
    net = network()
    with without_content():
        image = torch.zeros(1, 3, 100, 130, device=CUDA)
        predict = Predictor(net, device=CUDA)
        with Transfers() as transfers:
            classes = predict_classes(image, predict, num_classes=6, window=64)
    assert classes.shape == (1, 100, 130)
    assert classes.device == CUDA
    assert len(transfers.found) == len(["weights of rows", "weights of columns"])


def test_the_loss_of_any_network():
    loss = SegmentationLoss(ignore_index=6, kind=["ce", "dice", "tversky"])
    with without_content():
        logits = torch.zeros(2, 6, 70, 90, device=CUDA)
        mask = torch.zeros(2, 70, 90, dtype=torch.long, device=CUDA)
        terms = loss(SegmentationOutput(logits, logits), mask)
    assert {each.device for each in terms.values()} == {CUDA}


def test_a_step_fetches_nothing_and_normalises_with_constants_of_the_device():
    data, net, loss = data_module(), network(), BiCoRLoss(ignore_index=6)
    with without_content():
        net.to(CUDA)
        found = []
        for _ in range(2):
            with Transfers() as transfers:
                ready = data.on_after_batch_transfer(batch())
                loss(net(ready["image"]), ready["mask"])
            found.append(len(transfers.found))
    assert found == [len(["mean", "deviation"]), 0]


def test_a_training_step_does_not_wait_for_its_loss(monkeypatch):
    class Event:
        def record(self):
            calls.append("copied")

        def synchronize(self):
            calls.append("waited")

    calls = []
    monkeypatch.setattr(torch.cuda, "Event", Event)
    experiment = Experiment.load(REPOSITORY / "config/vaihingen/bicor.py")
    module = SegmentationModule(network(), BiCoRLoss(ignore_index=6), VAIHINGEN, experiment)
    with without_content():
        module.to(CUDA)
        module.training_step(data_module().on_after_batch_transfer(batch()), 0)
    assert calls == ["copied"]
    module._finite._finite = torch.tensor(True)
    module.on_after_backward()
    assert calls == ["copied", "waited"]
