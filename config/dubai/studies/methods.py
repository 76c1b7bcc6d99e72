"""BiCoR-Seg and other networks on satellite images of Dubai: one backbone, one protocol."""

from network.studies import run

SMP = "config/dubai/smp.py"

runs = {
    "BiCoR-Seg": run("config/dubai/bicor.py"),
    "UNetFormer": run("config/dubai/unetformer.py"),
    "D2LS": run("config/dubai/d2ls.py"),
    "FPN": run(SMP),
    "U-Net": run(SMP, "net.architecture=unet"),
    "DeepLabV3Plus": run(SMP, "net.architecture=deeplabv3plus"),
    "SegFormer": run(SMP, "net.architecture=segformer"),
    "UPerNet": run(SMP, "net.architecture=upernet"),
}
seeds = (0, 1, 2)
reference = "BiCoR-Seg"
tta = "lr"
