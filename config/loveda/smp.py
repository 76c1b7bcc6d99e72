"""FPN (or what else net.architecture names) on LoveDA, by the protocol of bicor.py."""

from functools import partial

from network.datasets.loveda import LoveDADataset
from network.models import SmpNet

dataset = partial(LoveDADataset)
net = partial(SmpNet, architecture="fpn", backbone="convnext_base", pretrained=True)

max_epoch = 30
train_batch_size = 8
lr = 8e-5
monitor = "val_mIoU"
