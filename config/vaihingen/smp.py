"""FPN (or what else net.architecture names) on ISPRS Vaihingen, by the protocol of bicor.py."""

from functools import partial

from network.datasets.isprs import VaihingenDataset
from network.models import SmpNet

dataset = partial(VaihingenDataset)
net = partial(SmpNet, architecture="fpn", backbone="convnext_base", pretrained=True)

max_epoch = 45
train_batch_size = 4
repeat = 3
lr = 5e-5
monitor = "val_F1"
