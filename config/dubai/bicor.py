"""BiCoR-Seg on satellite images of Dubai, from scratch."""

from functools import partial

from network.datasets.folder import FolderDataset
from network.datasets.transforms import TrainTransform
from network.losses import BiCoRLoss
from network.models import BiCoR

dataset = partial(
    FolderDataset,
    root="data/dubai",
    classes={
        "Building": (60, 16, 152),
        "Land": (132, 41, 246),
        "Road": (110, 193, 228),
        "Vegetation": (254, 221, 58),
        "Water": (226, 169, 41),
    },
    ignore_colors=[(155, 155, 155), (0, 0, 0)],
    val="*_part007",
    cache=True,
)
net = partial(BiCoR, backbone="resnet18", embed_dim=256, num_hbis=2, input_scale=2 / 3)
loss = partial(BiCoRLoss, heatmap_weight=0.5)
transform = partial(TrainTransform, crop_size=384, scales=(0.55, 0.75, 1.0))

max_epoch = 11
repeat = 10
train_batch_size = 4
lr = 2e-3
warmup_epoch = 1.0
precision = "bf16-where-native"
monitor = "val_mIoU"
