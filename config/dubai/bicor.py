"""BiCoR-Seg on satellite images of Dubai, from scratch."""

from functools import partial

from network.datasets.dubai import DubaiDataset
from network.datasets.transforms import TrainTransform
from network.losses import BiCoRLoss
from network.models import BiCoR

dataset = partial(DubaiDataset)
net = partial(BiCoR, backbone="resnet18", embed_dim=256, num_hbis=2, input_scale=2 / 3, embed_std=1)
loss = partial(BiCoRLoss, heatmap_weight=0.5)
transform = partial(TrainTransform, crop_size=384, scales=(0.55, 0.75, 1.0))

max_epoch = 11
repeat = 10
train_batch_size = 4
lr = 2e-3
warmup_epoch = 1.0
precision = "bf16-where-native"
monitor = "val_mIoU"
