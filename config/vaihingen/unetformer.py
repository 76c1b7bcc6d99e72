"""UNetFormer on ISPRS Vaihingen as published, but for the restarts of its cosine."""

from functools import partial

from network.datasets.isprs import VaihingenDataset
from network.models import UNetFormer

dataset = partial(VaihingenDataset)
net = partial(UNetFormer, backbone="resnet18", pretrained=True)

max_epoch = 105
train_batch_size = 8
repeat = 3
lr = 6e-4
backbone_lr = 6e-5
monitor = "val_F1"
