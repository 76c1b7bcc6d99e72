"""Images without labels, by their paths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from network.datasets.catalog import DatasetSpec
from network.datasets.layout import DatasetLayout, Report, Sample, refuse


class ImageFiles(DatasetLayout):
    """Some images, the same in every split.

    Args:
        spec: of the dataset whose images they are like.
        paths: of files with different stems, which become the names of the samples.
    """

    def __init__(self, spec: DatasetSpec, paths: Sequence[Path]) -> None:
        self.spec = spec
        self.paths = paths

    def samples(self, split: str, report: Report = refuse) -> list[Sample]:
        """The images in their order."""
        return [Sample(path.stem, path, None) for path in self.paths]
