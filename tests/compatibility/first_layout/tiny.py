from functools import partial

from torch import nn

from network.datasets.folder import FolderDataset
from network.datasets.transforms import TrainTransform
from network.losses import BiCoRLoss
from network.models import BiCoR


def tiny(num_classes: int, in_chans: int) -> BiCoR:
    """BiCoR whose checkpoint is small: the encoder is a single convolution."""
    net = BiCoR("test_efficientnet", num_classes, embed_dim=16, in_chans=in_chans)
    net.encoder = nn.Conv2d(in_chans, 16, kernel_size=4, stride=4)
    return net


dataset = partial(FolderDataset, root="data/own")
net = tiny
loss = partial(BiCoRLoss, fisher_weight=[0.1, 0.2])
transform = partial(TrainTransform, crop_size=64)
max_epoch = 2
train_batch_size = 2
num_workers = 0
lr = 1e-2
