"""Networks on satellite images of Dubai, each tile held out once: tiles 1 to 6, ImageNet weights.

The weights of the backbone come from timm's hub; ``net.pretrained=PATH`` in SHARED takes a file.
"""

from network.studies import run

SHARED = (
    *("dataset.mean=[0.5,0.5,0.5]", "dataset.std=[0.5,0.5,0.5]"),
    *("net.backbone=tf_efficientnet_lite0", "net.pretrained=True"),
    *("transform.crop_size=256", "transform.scales=[0.75,1.0,1.25,1.5]"),
    *("transform.balance=0.5", "lookahead_k=0"),
    *("max_epoch=8", "repeat=10", "train_batch_size=8", "lr=1e-3", "val_every=4"),
)
BICOR = ("config/dubai/bicor_pretrained.py", *SHARED, "net.input_scale=1")
SMP = ("config/dubai/smp.py", *SHARED)

runs = {
    "BiCoR-Seg": run(*BICOR),
    "BiCoR-Seg, embed_std 0.02": run(*BICOR, "net.embed_std=0.02"),
    "UNetFormer": run("config/dubai/unetformer.py", *SHARED),
    "D2LS": run("config/dubai/d2ls.py", *SHARED),
    "FPN": run(*SMP),
    "U-Net": run(*SMP, "net.architecture=unet"),
    "SegFormer": run(*SMP, "net.architecture=segformer"),
}
folds = {
    "tiles 1 and 4": ("dataset.test=tile[14]_*", "dataset.val=tile[2356]_part007"),
    "tiles 2 and 5": ("dataset.test=tile[25]_*", "dataset.val=tile[1346]_part007"),
    "tiles 3 and 6": ("dataset.test=tile[36]_*", "dataset.val=tile[1245]_part007"),
}
seeds = (0,)
reference = "BiCoR-Seg"
