"""What the recipe gives BiCoR-Seg on tiles of Dubai that were held out, as folds.py holds them out.

The weights of the backbone come from timm's hub; ``net.pretrained=PATH`` in BICOR takes a file.
"""

from network.studies import run

BICOR = (
    "config/dubai/bicor_pretrained.py",
    *("net.backbone=tf_efficientnet_lite0", "net.pretrained=True", "net.input_scale=1"),
    *("transform.crop_size=256", "transform.scales=[0.75,1.0,1.25,1.5]"),
    *("max_epoch=8", "repeat=10", "train_batch_size=8", "lr=1e-3", "val_every=4"),
)

LOOKAHEAD = (*BICOR, "lookahead_k=5")

runs = {
    "BiCoR-Seg": run(*BICOR),
    "as the paper's configs": run(*LOOKAHEAD, "transform.balance=0.0"),
    "without balance": run(*BICOR, "transform.balance=0.0"),
    "with Lookahead": run(*LOOKAHEAD),
    "with Lookahead, balance 1": run(*LOOKAHEAD, "transform.balance=1.0"),
    "with Lookahead, class weights": run(*LOOKAHEAD, "class_weights=auto"),
    "with Lookahead, heatmap weight 0.1": run(*LOOKAHEAD, "loss.heatmap_weight=0.1"),
    "with Lookahead, 0 layers": run(*LOOKAHEAD, "net.num_hbis=0"),
    "with Lookahead, no mosaic": run(*LOOKAHEAD, "transform.mosaic=0.0"),
}
folds = {
    "tiles 1 and 4": ("dataset.test=tile[14]_*", "dataset.val=tile[2356]_part007"),
    "tiles 2 and 5": ("dataset.test=tile[25]_*", "dataset.val=tile[1346]_part007"),
    "tiles 3 and 6": ("dataset.test=tile[36]_*", "dataset.val=tile[1245]_part007"),
}
seeds = (0,)
reference = "BiCoR-Seg"
