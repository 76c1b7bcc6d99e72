"""BiCoR-Seg on satellite images of Dubai, from scratch."""

from functools import partial

from network.datasets.folder import FolderDataset
from network.datasets.transforms import TrainTransform
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
net = partial(BiCoR, backbone="resnet18", embed_dim=128, num_hbis=2)
transform = partial(TrainTransform, crop_size=256, scales=(0.5, 0.75, 1.0))

max_epoch = 25
repeat = 5
warmup_epoch = 1.0
train_batch_size = 8
lr = 1e-3
precision = "bf16-mixed"
monitor = "val_mIoU"
