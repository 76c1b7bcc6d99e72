"""The parts of BiCoR-Seg on satellite images of Dubai: 2 layers and top-k 1, and what differs."""

from network.studies import run

BICOR = "config/dubai/bicor.py"

runs = {
    "BiCoR-Seg": run(BICOR),
    "without F2CE": run(BICOR, "net.f2ce=False"),
    "without CE2F": run(BICOR, "net.ce2f=False"),
    "without heatmap loss": run(BICOR, "loss.heatmap_weight=0.0"),
    "without Fisher loss": run(BICOR, "loss.fisher_weight=0.0"),
    "without auxiliary loss": run(BICOR, "loss.aux_weight=0.0"),
    "0 layers": run(BICOR, "net.num_hbis=0"),
    "1 layer": run(BICOR, "net.num_hbis=1"),
    "3 layers": run(BICOR, "net.num_hbis=3"),
    "4 layers": run(BICOR, "net.num_hbis=4"),
    "top-k 0.02": run(BICOR, "net.topk_ratio=0.02"),
    "top-k 0.1": run(BICOR, "net.topk_ratio=0.1"),
    "top-k 0.5": run(BICOR, "net.topk_ratio=0.5"),
}
seeds = (0, 1, 2)
reference = "BiCoR-Seg"
tta = "lr"
