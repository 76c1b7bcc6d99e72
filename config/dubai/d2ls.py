"""D2LS on satellite images of Dubai, from scratch, by the protocol of bicor.py."""

from functools import partial

from network.datasets.dubai import DubaiDataset
from network.datasets.transforms import TrainTransform
from network.losses import BiCoRLoss
from network.models import D2LS

dataset = partial(DubaiDataset)
net = partial(D2LS, backbone="resnet18")
loss = partial(BiCoRLoss)
transform = partial(TrainTransform, crop_size=384, scales=(0.55, 0.75, 1.0))

max_epoch = 11
repeat = 10
train_batch_size = 4
lr = 2e-3
warmup_epoch = 1.0
precision = "bf16-where-native"
monitor = "val_mIoU"
