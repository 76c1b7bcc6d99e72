"""FPN (or what else net.architecture names) on ISPRS Potsdam, by the protocol of bicor.py."""

from functools import partial

from network.datasets.isprs import PotsdamDataset
from network.models import SmpNet

dataset = partial(PotsdamDataset)
net = partial(SmpNet, architecture="fpn", backbone="convnext_base", pretrained=True)

max_epoch = 45
train_batch_size = 4
repeat = 3
lr = 1e-4
monitor = "val_F1"
