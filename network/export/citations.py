"""What to cite for a network."""

from __future__ import annotations

_BICOR = """```bibtex
@inproceedings{shi2026bicorseg,
  author    = {Shi, Jinghao and Song, Jianing},
  title     = {BiCoR-Seg: Bidirectional Co-Refinement Framework for High-Resolution Remote Sensing Image Segmentation},
  booktitle = {Computational Visual Media (CVM)},
  year      = {2026},
  note      = {arXiv:2512.20255}
}
```"""  # noqa: E501
_KNOWN = {
    "BiCoR": f"The method is its authors'; cite their paper:\n\n{_BICOR}",
    "D2LS": "The method is its authors'; cite their paper: Dynamic Dictionary Learning, ICCV 2025, "
    "arXiv:2503.06683.",
    "UNetFormer": "The method is its authors'; cite their paper: UNetFormer, ISPRS Journal of "
    "Photogrammetry and Remote Sensing, 2022.",
}


def citation_of(network: str) -> str:
    """The text for a network by its recorded name."""
    return _KNOWN.get(network.rpartition(".")[2], "Cite the authors of the network.")
