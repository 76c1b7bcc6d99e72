"""BiCoR-Seg and other networks on LoveDA: one backbone, one protocol."""

from network.studies import run

SMP = "config/loveda/smp.py"

runs = {
    "BiCoR-Seg": run("config/loveda/bicor.py"),
    "UNetFormer": run(
        "config/loveda/unetformer.py",
        "net.backbone=convnext_base",
        "lr=8e-5",
        "backbone_lr=none",
    ),
    "D2LS": run("config/loveda/d2ls.py"),
    "FPN": run(SMP),
    "U-Net": run(SMP, "net.architecture=unet"),
    "DeepLabV3Plus": run(SMP, "net.architecture=deeplabv3plus"),
    "SegFormer": run(SMP, "net.architecture=segformer"),
    "UPerNet": run(SMP, "net.architecture=upernet"),
}
seeds = (0, 1, 2)
reference = "BiCoR-Seg"
tta = "d4"
split = "val"
