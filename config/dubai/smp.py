"""FPN (or what else net.architecture names) on images of Dubai, by the protocol of bicor.py."""

from functools import partial

from network.datasets.dubai import DubaiDataset
from network.datasets.transforms import TrainTransform
from network.models import SmpNet

dataset = partial(DubaiDataset)
net = partial(SmpNet, architecture="fpn", backbone="resnet18")
transform = partial(TrainTransform, crop_size=384, scales=(0.55, 0.75, 1.0))

max_epoch = 11
repeat = 10
train_batch_size = 4
lr = 2e-3
warmup_epoch = 1.0
precision = "bf16-where-native"
monitor = "val_mIoU"
