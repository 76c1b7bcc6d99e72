"""Three parts left out of BiCoR-Seg on drawn scenes: minutes on a CPU, to see what a study is."""

from network.studies import run

SHORT = ("config/demo/bicor.py", "max_epoch=2")

runs = {
    "BiCoR-Seg": run(*SHORT),
    "without F2CE": run(*SHORT, "net.f2ce=False"),
    "without CE2F": run(*SHORT, "net.ce2f=False"),
}
seeds = (0, 1)
reference = "BiCoR-Seg"
