"""An ONNX file gives what the network gives, and says what it is."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from network.inference.segmenter import Segmenter
from tests.conftest import refused, succeed_here
from tests.export.conftest import CKPT


@pytest.fixture(scope="module")
def segmenter(exported):
    return Segmenter.of_checkpoint(exported / CKPT, "cpu", precision="32-true")


def images(segmenter, *shape):
    values = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    return torch.from_numpy(values), segmenter.normalise(torch.from_numpy(values))


def run(path, image):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["probabilities"], {"image": image.contiguous().numpy()})[0]


@pytest.mark.parametrize("shape", [(1, 3, 64, 96), (3, 3, 91, 45), (2, 3, 32, 32)])
def test_a_file_for_any_size_gives_what_the_network_gives(exported, segmenter, shape):
    _, image = images(segmenter, *shape)
    found = run(exported / "network.onnx", image)
    wanted = segmenter.predictor("none")(image).numpy()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


def test_a_file_is_of_opset_17_and_what_runtimes_of_its_time_read(exported):
    for name in ("network.onnx", "tile.onnx"):
        model = onnx.load(exported / name)
        onnx.checker.check_model(model, full_check=True)
        assert [(each.domain, each.version) for each in model.opset_import] == [("", 17)]
        assert model.ir_version == 8
        assert not model.functions


def test_deepness_finds_what_it_reads(exported, segmenter):
    model = onnx.load(exported / "tile.onnx")
    found = {each.key: json.loads(each.value) for each in model.metadata_props}
    assert found["model_type"] == "Segmentor"
    assert found["class_names"] == {str(i): n for i, n in enumerate(segmenter.spec.classes)}
    assert found["resolution"] == 30
    assert found["tiles_size"] == found["tile_size"] == 64
    assert 0 <= found["tiles_overlap"] < 100
    assert found["seg_thresh"] == 0
    (given,), (gives,) = model.graph.input, model.graph.output
    sides = [dim.dim_value for dim in given.type.tensor_type.shape.dim]
    assert sides[1:] == [3, 64, 64]
    assert [d.dim_value for d in gives.type.tensor_type.shape.dim][1:] == [
        segmenter.spec.num_classes, 64, 64
    ]  # fmt: skip
    stored, image = images(segmenter, 1, 3, 64, 64)
    mean, std = (
        np.array(found[f"standardization_{name}"], np.float32).reshape(3, 1, 1)
        for name in ("mean", "std")
    )
    fed = (stored.numpy().astype(np.float32) / 255 - mean) / std
    found = run(exported / "tile.onnx", torch.from_numpy(fed))
    np.testing.assert_allclose(found, segmenter.predictor("none")(image), rtol=0, atol=1e-5)


def test_raw_values_in_16_bits(exported, segmenter, tmp_path):
    target = tmp_path / "raw.onnx"
    succeed_here(
        *(exported, "tools/export.py", "--ckpt", CKPT, "-o", target, "--format", "onnx"),
        *("--raw", "--half", "--size", 96),
    )
    stored, image = images(segmenter, 2, 3, 96, 96)
    found = run(target, stored)
    assert found.dtype == np.float16
    assert np.abs(found - segmenter.predictor("none")(image).numpy()).max() < 2e-2
    assert target.stat().st_size < 0.6 * (exported / "tile.onnx").stat().st_size


def test_what_differs_is_not_written(exported, tmp_path, monkeypatch):
    monkeypatch.setattr("network.export.checking.BOUND", -1.0)
    target = tmp_path / "new.onnx"
    command = ("--ckpt", CKPT, "-o", target, "--format", "onnx", "--size", 32)
    refused(exported, "differs", "nothing was written", script="tools/export.py", arguments=command)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-o", "scene.tif", "--format", "onnx"), ("scene.tif", ".onnx")),
        (("-o", "network.onnx", "--format", "onnx"), ("network.onnx exists",)),
        (("-o", "n.onnx", "--format", "onnx", "--size", 8), ("--size 8", "at least 32")),
        (("-o", "n.onnx", "--format", "onnx", "--resolution", 9), ("--size", "Deepness")),
        (("-o", "n.pt2", "--format", "pt2", "--half"), ("--half", "pt2")),
    ],
)
def test_what_cannot_be_exported_is_refused(exported, arguments, words):
    refused(exported, *words, script="tools/export.py", arguments=("--ckpt", CKPT, *arguments))
