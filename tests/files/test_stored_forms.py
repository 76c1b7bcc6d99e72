"""One picture in many stored forms: the same pixels, or the same refusal, at every stage."""

import numpy as np
import pytest
import torch
from torch import nn

from network.datasets.checks import check_contents
from network.datasets.datamodule import SegmentationDataModule
from network.datasets.dataset import SegmentationDataset
from network.datasets.folder import FolderDataset
from network.datasets.reading import read_filled
from network.datasets.survey import survey
from network.errors import DataError
from network.files.images import write_image
from network.inference.inspection import inspect
from network.models import BiCoROutput
from network.scenes.rasters import Raster
from tests.files.forms import AS_IT_IS, FORMS, GRAYS, HEIGHT, PICTURE, WIDTH


class Blind(nn.Module):
    """Sees nothing, and so draws whatever image it is given."""

    def forward(self, image):
        return BiCoROutput(torch.zeros(1, 2, *image.shape[2:]), None, [], [])


def train(layout, path):
    return SegmentationDataset(layout, "train").read(0).image


def check(layout, path):
    check_contents(layout, layout.samples("train"))
    return read_filled(path, layout.spec).values


def look_over(layout, path):
    found = [fault for fault in survey(layout).faults if str(path) in fault]
    if found:
        raise DataError(*found)
    return read_filled(path, layout.spec).values


def test_batch(layout, path):
    data = SegmentationDataModule(layout, num_workers=0)
    (batch,) = data.whole_images(SegmentationDataset(layout, "test"))
    return batch["image"][0].permute(1, 2, 0).numpy()


test_batch.__test__ = False


def figure(layout, path):
    dataset = SegmentationDataset(layout, "train")
    (found,) = inspect(Blind(), dataset, torch.Tensor.float, torch.device("cpu"), "32-true")
    return found.image


def predict(layout, path):
    with Raster(path) as raster:
        return raster.read(0, 0, HEIGHT, WIDTH).image


STAGES = (train, check, look_over, test_batch, figure, predict)


def outcomes(form, root):
    """What each stage makes of a form: pixels, or the message of a refusal."""
    for split in ("", "_val"):
        for kind in ("images", "masks"):
            (root / kind).mkdir(exist_ok=True)
        write_image(root / f"masks/it{split}.png", np.zeros((HEIGHT, WIDTH), np.uint8))
        form.write(root / f"images/it{split}{form.suffix}")
    layout = FolderDataset(root, classes=["a", "b"], masks="index", val="*_val")
    found = {}
    for stage in STAGES:
        path = root / f"images/it{form.suffix}"
        try:
            found[stage.__name__] = np.asarray(stage(layout, path))
        except DataError as fault:
            found[stage.__name__] = str(fault).replace("it_val.", "it.")
    return found


def described(result):
    return result if isinstance(result, str) else "pixels"


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_every_stage_sees_the_same(form, tmp_path):
    found = outcomes(form, tmp_path)
    predicted = found.pop("predict") if form.scaled else found["predict"]
    first = found["train"]
    print(f"{form.name}|{described(first).replace(str(tmp_path), '')}|{described(predicted)}")
    for stage, result in found.items():
        assert described(result) == described(first), stage
        np.testing.assert_array_equal(result, first, err_msg=stage)
    if form.scaled:
        assert predicted.shape == PICTURE.shape
    if isinstance(form.right, str) and form.right != AS_IT_IS:
        assert form.right in described(first)
        assert str(tmp_path / "images") in first
        return
    if form.right is not PICTURE and form.right is AS_IT_IS:
        expected = GRAYS if "gray" in form.name else PICTURE
        assert np.abs(first.astype(int) - expected).mean() < 6
        return
    np.testing.assert_array_equal(first, form.right)


def test_there_are_enough_forms():
    assert len({form.name for form in FORMS}) == len(FORMS) >= 60
