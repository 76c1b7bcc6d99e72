"""UNetFormer on ISPRS Potsdam as published, but for the restarts of its cosine."""

from functools import partial

from network.datasets.isprs import PotsdamDataset
from network.models import UNetFormer

dataset = partial(PotsdamDataset)
net = partial(UNetFormer, backbone="resnet18", pretrained=True)

max_epoch = 45
train_batch_size = 8
repeat = 3
lr = 6e-4
backbone_lr = 6e-5
monitor = "val_F1"
