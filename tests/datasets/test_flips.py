import albumentations as A
import numpy as np
import pytest

from network.datasets.flips import QuickD4


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("bands", [1, 3, 4, 5])
def test_flips_are_those_of_albumentations_draw_by_draw(dtype, bands):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 200, (5, 5, bands)).astype(dtype)
    mask = rng.integers(0, 6, (5, 5)).astype(np.uint8)
    quick, usual = (A.Compose([kind(p=1.0)]) for kind in (QuickD4, A.D4))
    different = set()
    for seed in range(40):
        for each in (quick, usual):
            each.set_random_seed(seed)
        found, expected = (each(image=image, mask=mask) for each in (quick, usual))
        for name in ("image", "mask"):
            assert found[name].dtype == expected[name].dtype
            np.testing.assert_array_equal(found[name], expected[name])
        different.add(found["image"].tobytes())
    assert len(different) == 8
