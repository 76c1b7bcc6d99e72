"""D2LS on LoveDA, by the protocol of bicor.py."""

from functools import partial

from network.datasets.loveda import LoveDADataset
from network.losses import BiCoRLoss
from network.models import D2LS

dataset = partial(LoveDADataset)
net = partial(D2LS, backbone="convnext_base", pretrained=True, num_layers=3)
loss = partial(BiCoRLoss)

max_epoch = 30
train_batch_size = 8
lr = 8e-5
monitor = "val_mIoU"
