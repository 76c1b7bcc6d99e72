"""Augmentations from outside never make a class of what is none."""

import albumentations as A
import cv2
import numpy as np
import pytest

from network.datasets.dataset import Pair
from network.datasets.transforms import TrainTransform
from network.errors import ConfigError

IGNORE = 3
TURNED = {"border_mode": cv2.BORDER_CONSTANT, "p": 1.0}


def crops(*augmentations, seeds=8):
    transform = TrainTransform(
        IGNORE, crop_size=64, scales=[1.0], mosaic=0, augmentations=augmentations
    )
    pair = Pair(np.full((96, 96, 3), 200, np.uint8), np.full((96, 96), 2, np.uint8))
    return [transform(lambda _: pair, 1, 0, seed) for seed in range(seeds)]


@pytest.mark.parametrize(
    "augmentation",
    [
        A.Rotate((30, 30), **TURNED),
        A.Affine(translate_px=(20, 20), p=1.0),
        A.OneOf([A.Rotate((30, 30), **TURNED), A.Affine(shear=(20, 20), p=1.0)], p=1.0),
        A.Compose([A.SomeOf([A.Rotate((30, 30), fill_mask=1, **TURNED)], n=1)]),
        A.CoarseDropout(fill_mask=1, p=1.0),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_is_filled_is_ignored(augmentation):
    masks = [mask for _, mask in crops(augmentation)]
    assert {value for mask in masks for value in np.unique(mask)} == {2, IGNORE}


def test_what_keeps_its_mask_does_so():
    masks = [mask for _, mask in crops(A.CoarseDropout(fill=0, p=1.0))]
    assert {value for mask in masks for value in np.unique(mask)} == {2}


def test_the_transforms_of_a_config_stay_as_they_are():
    turn = A.Rotate((30, 30), **TURNED)
    crops(turn)
    assert turn.fill_mask == 0


@pytest.mark.parametrize(
    ("augmentation", "message"),
    [
        (A.Rotate(mask_interpolation=cv2.INTER_LINEAR), "Rotate interpolates masks"),
        (A.OneOf([A.Affine(mask_interpolation=cv2.INTER_CUBIC)]), "Affine interpolates masks"),
        (A.Normalize(), r"images float32 \[64, 64, 3\] of uint8"),
        (A.RandomCrop(32, 32), r"images uint8 \[32, 32, 3\] of uint8 \[64, 64, 3\]"),
        (A.ToTensorV2(), "images"),
    ],
    ids=["linear", "cubic", "floats", "size", "tensor"],
)
def test_what_no_later_stage_would_notice_is_refused(augmentation, message):
    with pytest.raises(ConfigError, match=message):
        crops(augmentation)
