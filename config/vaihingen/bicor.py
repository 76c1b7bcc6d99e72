"""BiCoR-Seg on ISPRS Vaihingen, with the paper's settings."""

from functools import partial

from network.datasets.isprs import VaihingenDataset
from network.models import BiCoR

dataset = partial(VaihingenDataset)
net = partial(BiCoR, backbone="convnext_base", pretrained=True, num_hbis=2)

max_epoch = 45
train_batch_size = 4
repeat = 3
lr = 5e-5
monitor = "val_F1"
