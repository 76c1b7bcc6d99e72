import pytest

from tests.conftest import succeed_here
from tests.scenes.files import with_scene

CKPT = "model_weights/own/bicor/best.ckpt"


@pytest.fixture(scope="package")
def work(trained, tmp_path_factory):
    """A training with a scene."""
    root = tmp_path_factory.mktemp("export") / "work"
    return with_scene(trained[0], root)


@pytest.fixture(scope="package")
def exported(work):
    """The training, its network as network.onnx (any size) and as tile.onnx (64)."""
    root = work
    result = succeed_here(
        root, "tools/export.py", "--ckpt", CKPT, "-o", "network.onnx", "--format", "onnx"
    )
    assert "differ by at most" in result.out
    succeed_here(
        *(root, "tools/export.py", "-c", "bicor.py", "-o", "tile.onnx", "--format", "onnx"),
        *("--size", 64, "--resolution", 30),
    )
    return root
