"""BiCoR-Seg on ISPRS Potsdam with near infrared as a fourth band; all else is as in bicor.py."""

from functools import partial

from network.datasets.bands import IMAGENET_MEAN, IMAGENET_STD
from network.datasets.isprs import PotsdamDataset
from network.models import BiCoR

# Near infrared is normalised as red is; tools/check_data.py --statistics finds what your copy has.
dataset = partial(
    PotsdamDataset,
    root="data/potsdam_rgbir",
    bands=[1, 2, 3, 4],
    band_names=["red", "green", "blue", "near infrared"],
    mean=[*IMAGENET_MEAN, IMAGENET_MEAN[0]],
    std=[*IMAGENET_STD, IMAGENET_STD[0]],
)
net = partial(BiCoR, backbone="convnext_base", pretrained=True, num_hbis=3)

max_epoch = 45
train_batch_size = 4
repeat = 3
lr = 1e-4
monitor = "val_F1"
