"""UNetFormer on LoveDA as published, but for the restarts of its cosine."""

from functools import partial

from network.datasets.loveda import LoveDADataset
from network.models import UNetFormer

dataset = partial(LoveDADataset)
net = partial(UNetFormer, backbone="resnet18", pretrained=True)

max_epoch = 30
train_batch_size = 8
lr = 6e-4
backbone_lr = 6e-5
monitor = "val_mIoU"
