"""A program of torch.export gives what the network gives; the item beside it describes it."""

import json

import pytest
import torch

from network.errors import ExportError
from network.export.stac_item import validate
from network.files.hashing import file_hash
from network.inference.segmenter import Segmenter
from tests.conftest import succeed_here
from tests.export.conftest import CKPT


@pytest.fixture(scope="module")
def program(work):
    succeed_here(work, "tools/export.py", "--ckpt", CKPT, "-o", "network.pt2", "--format", "pt2")
    return work / "network.pt2"


def test_a_program_is_loaded_without_this_repository(work, program):
    segmenter = Segmenter.of_checkpoint(work / CKPT, "cpu", precision="32-true")
    run = torch.export.load(program).module()
    for shape in ((1, 3, 64, 64), (3, 3, 77, 123)):
        image = torch.randn(shape)
        torch.testing.assert_close(run(image), segmenter.predictor("none")(image))


def test_the_item_says_what_it_is(work, program):
    item = json.loads(program.with_suffix(".json").read_text())
    validate(item)
    said, asset = item["properties"], item["assets"]["model"]
    assert said["mlm:architecture"] == "BiCoR"
    assert said["mlm:tasks"] == ["semantic-segmentation"]
    assert said["mlm:input"][0]["input"]["shape"] == [-1, 3, -1, -1]
    assert said["mlm:input"][0]["value_scaling"][0]["mean"] == pytest.approx(0.485 * 255)
    classes = said["mlm:output"][0]["classification:classes"]
    assert [each["value"] for each in classes] == list(range(len(classes)))
    assert asset["href"] == "./network.pt2" and "mlm:model" in asset["roles"]
    assert asset["file:checksum"] == "1220" + file_hash(program)
    assert asset["file:size"] == program.stat().st_size


def test_a_checkpoint_of_weights_alone(work, program):
    (work / "small.ckpt").unlink(missing_ok=True)
    succeed_here(work, "tools/export.py", "--ckpt", CKPT, "-o", "small.ckpt", "--format", "ckpt")
    assert (work / "small.ckpt").stat().st_size < (work / CKPT).stat().st_size / 2


@pytest.mark.parametrize("key", ["mlm:name", "mlm:input", "datetime"])
def test_an_item_that_lacks_something_is_refused(program, key):
    item = json.loads(program.with_suffix(".json").read_text())
    del item["properties"][key]
    with pytest.raises(ExportError, match="STAC"):
        validate(item)
