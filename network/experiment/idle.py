"""Settings that change nothing in what is trained or scored, only how and where it is done."""

from __future__ import annotations

import re
from collections.abc import Mapping

IDLE = (
    *("name", "accelerator", "num_workers", "check_data"),
    *("logger", "sample_every", "sample_images", "checkpoint_every_minutes"),
)
"""By their names."""
IDLE_OF_DATASET = ("cache",)
"""The same of the dataset."""

_CACHE = r"cache=(?:True|False|'\w*')"


def without_cache(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings as text, without where decoded images were kept."""
    text = settings.get("dataset")
    if text is None:
        return dict(settings)
    text = re.sub(rf"\({_CACHE}(?:, )?", "(", text)
    return {**settings, "dataset": re.sub(rf", {_CACHE}(?=[,)])", "", text)}
