"""BiCoR-Seg and other networks on ISPRS Vaihingen: one backbone, one protocol."""

from network.studies import run

SMP = "config/vaihingen/smp.py"

runs = {
    "BiCoR-Seg": run("config/vaihingen/bicor.py"),
    "UNetFormer": run(
        "config/vaihingen/unetformer.py",
        "net.backbone=convnext_base",
        "lr=5e-5",
        "backbone_lr=none",
        "max_epoch=45",
        "train_batch_size=4",
    ),
    "D2LS": run("config/vaihingen/d2ls.py"),
    "FPN": run(SMP),
    "U-Net": run(SMP, "net.architecture=unet"),
    "DeepLabV3Plus": run(SMP, "net.architecture=deeplabv3plus"),
    "SegFormer": run(SMP, "net.architecture=segformer"),
    "UPerNet": run(SMP, "net.architecture=upernet"),
}
seeds = (0, 1, 2)
reference = "BiCoR-Seg"
tta = "d4"
