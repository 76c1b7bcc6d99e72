"""Files of pretrained weights: tensors are read, code in them is never run."""

import inspect
import pickle

import pytest
import timm
import torch

from network.errors import WeightsError
from network.models import BiCoR


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture(params=["as installed", "reads all by default"])
def by_default(request, monkeypatch):
    """timm 1.0.15 reads files with all that pickle can do, unless it is told not to."""
    if request.param == "reads all by default":
        function = timm.models.load_state_dict
        given = [
            p for p in inspect.signature(function).parameters.values() if p.default is not p.empty
        ]
        defaults = tuple(False if p.name == "weights_only" else p.default for p in given)
        monkeypatch.setattr(function, "__defaults__", defaults)


def write(path, content, how):
    if how == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=how == "zip")


@pytest.mark.parametrize("how", ["zip", "legacy", "pickle"])
@pytest.mark.parametrize(
    "name", ["weights.pth", "weights.pt", "weights.bin", "weights.safetensors"]
)
def test_code_in_a_file_of_weights_is_not_run(tmp_path, by_default, name, how):
    weights = timm.create_model("test_convnext").state_dict()
    write(tmp_path / name, weights | {"more": Evil(tmp_path / "harm")}, how)
    with pytest.raises(WeightsError, match=f"{name} does not hold the weights of 'test_convnext'"):
        BiCoR("test_convnext", embed_dim=32, pretrained=str(tmp_path / name))
    assert not (tmp_path / "harm").exists()


def test_the_reason_is_said(tmp_path, by_default):
    write(tmp_path / "weights.pth", {"state_dict": Evil(tmp_path / "harm")}, "zip")
    with pytest.raises(WeightsError, match="more than tensors and plain values"):
        BiCoR("test_convnext", embed_dim=32, pretrained=str(tmp_path / "weights.pth"))


@pytest.mark.parametrize("wrap", [lambda w: w, lambda w: {"state_dict": w}, lambda w: {"model": w}])
def test_weights_are_read(tmp_path, by_default, wrap):
    source = timm.create_model("test_convnext")
    torch.save(wrap(source.state_dict()), tmp_path / "weights.pth")
    net = BiCoR("test_convnext", embed_dim=32, pretrained=str(tmp_path / "weights.pth"))
    stem = net.encoder.backbone.net.state_dict()["stem_0.weight"]
    torch.testing.assert_close(stem, source.state_dict()["stem.0.weight"])
