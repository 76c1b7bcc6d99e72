"""BiCoR-Seg on LoveDA, with the paper's settings."""

from functools import partial

from network.datasets.loveda import LoveDADataset
from network.losses import BiCoRLoss
from network.models import BiCoR

dataset = partial(LoveDADataset)
net = partial(BiCoR, backbone="convnext_base", pretrained=True, num_hbis=2, topk_ratio=0.02)
loss = partial(BiCoRLoss, fisher_weight=[0.1, 1.1])

max_epoch = 30
train_batch_size = 8
lr = 8e-5
monitor = "val_mIoU"
