"""Which bands of its images a dataset uses, and what their values mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from network.errors import ConfigError
from network.files.band_images import STATISTICS, BandSelection
from network.files.no_data import ALPHAS

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
MAX_BANDS = 20
_BYTES = (0.0, 255.0)


@dataclass(frozen=True, kw_only=True)
class Bands:
    """The bands of a dataset's images.

    Args:
        bands: numbers in the files, from 1; without them, those of a picture (red, green, blue).
        band_names: what they are called.
        display: positions in ``bands``, from 1, that are shown as red, green and blue.
        scale: values that stand for 0 and 1; without it, images have 8 bits and 255 stands for 1.
        mean, std: normalisation of the scaled values, one number per band; empty where they are not
            known yet.
        alpha: what an alpha band is: left out (empty), a ``band``, or a ``mask`` of the pixels with
            data.

    Raises:
        ConfigError: numbers that cannot be, or that do not belong together.
    """

    bands: tuple[int, ...] = ()
    band_names: tuple[str, ...] = ()
    display: tuple[int, ...] = ()
    scale: tuple[float, float] | None = None
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    alpha: str = ""

    def __post_init__(self) -> None:
        count = self.num_bands
        if count > MAX_BANDS or min(self.bands, default=1) < 1:
            raise ConfigError(
                f"bands={list(self.bands)}: from 1 to {MAX_BANDS} numbers of bands, from 1 up"
            )
        if not len(self.mean) == len(self.std) in (0, count) or min(self.std, default=1) <= 0:
            what = "three numbers" if count == 3 else f"numbers for {count} bands"
            raise ConfigError(f"mean={self.mean}, std={self.std}: {what} each, std above 0")
        if self.scale is not None and not self.scale[0] < self.scale[1]:
            raise ConfigError(
                f"scale={list(self.scale)}: the value that stands for 1, above 0; or the lower one "
                "for 0 before it"
            )
        if self.band_names and len({*self.band_names}) != count:
            raise ConfigError(f"band_names={list(self.band_names)}: {count} different names")
        if len(self.display) not in (0, 1, 3) or not {*self.display} <= {*range(1, count + 1)}:
            raise ConfigError(
                f"display={list(self.display)}: three positions in the dataset's bands, or one for "
                f"gray, each from 1 to {count}"
            )
        if self.alpha not in ALPHAS:
            raise ConfigError(f"alpha={self.alpha!r}: 'band', 'mask', or '' to leave it out")

    @property
    def num_bands(self) -> int:
        """How many bands a network sees."""
        return len(self.bands) or 3

    @property
    def value_range(self) -> tuple[float, float]:
        """The stored values that stand for 0 and 1."""
        return self.scale or _BYTES

    @property
    def selection(self) -> BandSelection:
        """What is read of a file."""
        return BandSelection(self.bands, self.scale, self.alpha)

    @property
    def fill(self) -> tuple[float, ...]:
        """Stored values in place of what is no data: the means, or 0 where none are known."""
        low, high = self.value_range
        return tuple(low + mean * (high - low) for mean in self.mean or (0.0,) * self.num_bands)

    @property
    def shown(self) -> tuple[int, int, int]:
        """Positions in ``bands``, from 0, of what is shown as red, green and blue."""
        chosen = self.display or ((1, 2, 3) if self.num_bands > 2 else (1,))
        red, *others = (position - 1 for position in chosen)
        return (red, *(others or (red, red)))

    def check_normalised(self) -> None:
        """Refuse bands without a normalisation.

        Raises:
            ConfigError: saying how to find it.
        """
        if not self.mean:
            raise ConfigError(
                f"the dataset has no mean and std, which its {self.num_bands} bands"
                f"{' with a scale' if self.scale else ''} need: {STATISTICS} finds them"
            )


def band_facts(settings: dict[str, Any]) -> dict[str, Any]:
    """The arguments of ``Bands`` from the settings of a dataset, which are plain values.

    Args:
        settings: by the names of the arguments; those that are None or missing have their
            defaults: ImageNet's mean and deviation for three bands of 8 bits, none for others.

    Raises:
        ConfigError: values of another kind.
    """
    bands = _numbers("bands", settings.get("bands"), int)
    scale = settings.get("scale")
    facts: dict[str, Any] = {
        "bands": bands,
        "band_names": _names(settings.get("band_names")),
        "display": _numbers("display", settings.get("display"), int),
        "scale": None if scale is None else _pair(scale),
        "alpha": settings.get("alpha") or "",
    }
    if "bands" in settings and settings["bands"] is not None and not bands:
        raise ConfigError("bands=[]: numbers of bands, from 1; or leave it out")
    names = [name for name in ("mean", "std") if settings.get(name) is not None]
    given = {name: _numbers(name, settings[name], float) for name in names}
    if scale is None and len(bands) in (0, 3):
        return facts | given
    if len(given) == 1:
        raise ConfigError(f"{names[0]} is given alone, and these bands have no usual mean and std")
    return facts | {"mean": (), "std": ()} | given


def _pair(scale: Any) -> tuple[float, float]:
    values = _numbers("scale", [0, scale] if isinstance(scale, int | float) else scale, float)
    if len(values) != 2:
        raise ConfigError(f"scale={scale!r}: the value that stands for 1, or those for 0 and 1")
    return values


def _numbers(name: str, values: Any, kind: type) -> tuple:
    values = () if values is None else values
    values = [values] if isinstance(values, int | float) else values
    takes = int if kind is int else (int, float)
    if not isinstance(values, Sequence) or not all(
        isinstance(v, takes) and not isinstance(v, bool) and v - v == 0 for v in values
    ):
        raise ConfigError(f"{name}={values!r}: {'whole ' * (kind is int)}numbers")
    return tuple(kind(value) for value in values)


def _names(values: Any) -> tuple[str, ...]:
    values = () if values is None else values
    values = [values] if isinstance(values, str) else values
    if not isinstance(values, Sequence) or not all(isinstance(v, str) and v for v in values):
        raise ConfigError(f"band_names={values!r}: a list of names")
    return tuple(values)
