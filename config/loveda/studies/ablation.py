"""The parts of BiCoR-Seg on LoveDA: 2 layers and top-k 0.02, and what differs."""

from network.studies import run

BICOR = "config/loveda/bicor.py"

runs = {
    "BiCoR-Seg": run(BICOR),
    "without F2CE": run(BICOR, "net.f2ce=False"),
    "without CE2F": run(BICOR, "net.ce2f=False"),
    "without heatmap loss": run(BICOR, "loss.heatmap_weight=0.0"),
    "without Fisher loss": run(BICOR, "loss.fisher_weight=0.0"),
    "without auxiliary loss": run(BICOR, "loss.aux_weight=0.0"),
    "0 layers": run(BICOR, "net.num_hbis=0"),
    "1 layer": run(BICOR, "net.num_hbis=1", "loss.fisher_weight=[1.1]"),
    "3 layers": run(BICOR, "net.num_hbis=3", "loss.fisher_weight=[0.1,0.1,1.1]"),
    "4 layers": run(BICOR, "net.num_hbis=4", "loss.fisher_weight=[0.1,0.1,0.1,1.1]"),
    "top-k 0.1": run(BICOR, "net.topk_ratio=0.1"),
    "top-k 0.5": run(BICOR, "net.topk_ratio=0.5"),
    "top-k 1": run(BICOR, "net.topk_ratio=1.0"),
}
seeds = (0, 1, 2)
reference = "BiCoR-Seg"
tta = "d4"
split = "val"
