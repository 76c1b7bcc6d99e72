"""BiCoR-Seg on ISPRS Potsdam, with the paper's settings."""

from functools import partial

from network.datasets.isprs import PotsdamDataset
from network.models import BiCoR

dataset = partial(PotsdamDataset)
net = partial(BiCoR, backbone="convnext_base", pretrained=True, num_hbis=3)

max_epoch = 45
train_batch_size = 4
repeat = 3
lr = 1e-4
monitor = "val_F1"
