"""D2LS on ISPRS Potsdam, by the protocol of bicor.py."""

from functools import partial

from network.datasets.isprs import PotsdamDataset
from network.losses import BiCoRLoss
from network.models import D2LS

dataset = partial(PotsdamDataset)
net = partial(D2LS, backbone="convnext_base", pretrained=True)
loss = partial(BiCoRLoss)

max_epoch = 45
train_batch_size = 4
repeat = 3
lr = 1e-4
monitor = "val_F1"
