"""BiCoR-Seg on satellite images of Dubai, from ImageNet weights of a small network."""

from functools import partial

from network.datasets.dubai import DubaiDataset
from network.datasets.transforms import TrainTransform
from network.losses import BiCoRLoss
from network.models import BiCoR

dataset = partial(DubaiDataset, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
net = partial(
    BiCoR, backbone="tf_efficientnet_lite0", pretrained=True, input_scale=2 / 3, embed_std=1
)
loss = partial(BiCoRLoss, heatmap_weight=0.5)
transform = partial(TrainTransform, crop_size=384, scales=(0.55, 0.75, 1.0), balance=0.5)

max_epoch = 8
repeat = 10
train_batch_size = 4
lr = 1e-3
warmup_epoch = 1.0
lookahead_k = 0
precision = "bf16-where-native"
monitor = "val_mIoU"
