"""BiCoR-Seg and other networks on ISPRS Potsdam: one backbone, one protocol."""

from network.studies import run

SMP = "config/potsdam/smp.py"

runs = {
    "BiCoR-Seg": run("config/potsdam/bicor.py"),
    "UNetFormer": run(
        "config/potsdam/unetformer.py",
        "net.backbone=convnext_base",
        "lr=1e-4",
        "backbone_lr=none",
        "train_batch_size=4",
    ),
    "D2LS": run("config/potsdam/d2ls.py"),
    "FPN": run(SMP),
    "U-Net": run(SMP, "net.architecture=unet"),
    "DeepLabV3Plus": run(SMP, "net.architecture=deeplabv3plus"),
    "SegFormer": run(SMP, "net.architecture=segformer"),
    "UPerNet": run(SMP, "net.architecture=upernet"),
}
seeds = (0, 1, 2)
reference = "BiCoR-Seg"
tta = "d4"
