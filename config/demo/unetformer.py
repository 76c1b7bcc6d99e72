"""UNetFormer on drawn scenes, by the protocol of bicor.py."""

from functools import partial

from network.datasets.isprs import VaihingenDataset
from network.datasets.transforms import TrainTransform
from network.models import UNetFormer

dataset = partial(VaihingenDataset, root="data/demo", patch_size=512, name="demo")
net = partial(UNetFormer, backbone="resnet18")
transform = partial(TrainTransform, crop_size=256, scales=(0.75, 1.0, 1.25))

max_epoch = 12
train_batch_size = 8
repeat = 4
lr = 3e-3
warmup_epoch = 1.0
precision = "bf16-where-native"
monitor = "val_F1"
