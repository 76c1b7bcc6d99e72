"""Stored values as a network takes them."""

import pytest
import torch

from network.datasets.bands import Bands
from network.datasets.normalisation import Normalisation


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.float32])
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(2, 4, 33, 70), (1, 4, 1, 1), (3, 4, 300, 501)])
def test_a_cpu_gives_what_the_formula_says(dtype, memory, shape):
    bands = Bands(
        bands=(1, 2, 3, 4),
        scale=(10, 4010),
        mean=(0.1, 0.2, 0.3, 0.4),
        std=(0.01, 0.3, 0.17, 0.7),
    )
    stored = torch.randint(0, 200, shape).to(dtype).contiguous(memory_format=memory)
    before = stored.clone()
    mean = torch.tensor(bands.mean).view(-1, 1, 1) * 4000 + 10
    std = torch.tensor(bands.std).view(-1, 1, 1) * 4000
    found = Normalisation(bands)(stored)
    assert torch.equal(found, (stored.float() - mean) / std)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(stored, before)
