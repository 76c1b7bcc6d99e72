"""One test, as its folder has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from network.errors import ConfigError, DataError, UserError
from network.evaluation.confusions import CONFUSIONS, Confusions, read_confusions
from network.evaluation.image_scores import Variant
from network.evaluation.mask_writer import MASKS
from network.evaluation.output_folder import RESULTS, SCENES
from network.evaluation.read_results import read_results
from network.evaluation.results import passes_text, tested_checkpoints, windows_text

RULE = "rule of the splits"
TRAINED_ON = "number of these images trained on"
CHOSEN_ON = "number of these images that chose the checkpoint"
WINDOWS = "windows"
MAY_BE_UNKNOWN = (RULE, TRAINED_ON, CHOSEN_ON)
"""What tests of converted checkpoints cannot say."""


@dataclass(frozen=True)
class Tested:
    """A test with what was counted in every image.

    Attributes:
        folder: that it wrote to; of folds, that of the first.
        variant: what was counted with.
        classes: names in the order of their indices.
        scored: indices of those in the means.
        protocol: what must be the same in all tests that are compared, by the words for it.
        seed: of the training.
        checkpoint: SHA-256 of it; of an ensemble, those of all.
        circumstances: what may differ and is said: precision, device, commit, versions.
        settings: of the training where the test knows them, else of the test.
        saved_tta: augmentation of the masks that were saved.
        of_dataset: settings of the dataset that were changed on the command line.
        counted: the confusion matrices.
        folds: the tests whose images these are together, if there are several.
    """

    folder: Path
    variant: Variant
    classes: tuple[str, ...]
    scored: tuple[int, ...]
    protocol: dict[str, str | int | None]
    seed: int
    checkpoint: str
    circumstances: dict[str, str]
    settings: dict[str, str]
    saved_tta: str
    of_dataset: tuple[str, ...]
    counted: Confusions
    folds: tuple[Tested, ...] = ()

    def folder_of(self, image: str) -> Path:
        """Folder of the test that predicted an image."""
        return self._part_of(image).folder

    def mask_path(self, image: str) -> Path:
        """The mask that was saved of an image.

        Raises:
            ConfigError: the scores are of an augmentation whose masks were not saved.
        """
        part = self._part_of(image)
        if part.variant.tta != part.saved_tta:
            raise ConfigError(
                f"{part.folder} has the masks of TTA {part.saved_tta}, and the scores are of TTA "
                f"{part.variant.tta}: choose scores with -t {part.saved_tta}, or test again"
            )
        folder = part.folder / SCENES if part.variant.unit == SCENES else part.folder
        return folder / MASKS / f"{image}.png"

    def _part_of(self, image: str) -> Tested:
        """The test that predicted an image: a fold, or itself."""
        return next((fold for fold in self.folds if image in fold.counted.names), self)


def open_test(folder: Path, wanted: Mapping[str, str] | None = None) -> Tested:
    """Read the folder of a test.

    Args:
        folder: the ``-o`` of the test.
        wanted: values of fields of ``Variant``; the first scores that have them are taken.

    Raises:
        ConfigError: there are no such scores.
        DataError: the folder is not that of a test, or of one without labels.
    """
    results = read_results(folder)
    try:
        score = _choose(folder, results["scores"], wanted or {})
        variant = _variant(score)
        classes = tuple(results["palette"])
        counted = read_confusions(folder / CONFUSIONS, variant)
        summed = counted.matrices.sum(axis=0).tolist()
        if summed != score["confusion"] or len(summed) != len(classes):
            raise DataError(
                f"{folder / CONFUSIONS} and {folder / RESULTS} are not of the same test: test again"
            )
        return Tested(
            folder,
            variant,
            classes,
            tuple(classes.index(name) for name in results["scored_classes"]),
            _protocol(results, variant),
            int(results["seed"]),
            " ".join(sorted(str(each["sha256"]) for each in tested_checkpoints(results))),
            _circumstances(results),
            _settings(results),
            next(iter(results["tta"])),
            tuple(text for text in map(str, results["overrides"]) if text.startswith("dataset")),
            counted,
        )
    except UserError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(
            f"{folder / RESULTS} is not that of a test ({type(error).__name__}: {error}): test "
            "again"
        ) from error


def _choose(
    folder: Path, scores: Sequence[dict[str, Any]], wanted: Mapping[str, str]
) -> dict[str, Any]:
    if not scores:
        raise DataError(f"nothing was scored in {folder}: its images have no labels")
    for score in scores:
        if all(score[field] == value for field, value in wanted.items()):
            return score
    there = "; ".join(_variant(score).title for score in scores)
    lacking = ", ".join(f"{field} {value}" for field, value in wanted.items())
    raise ConfigError(f"{folder} has no scores with {lacking}, but those of {there}: test alike")


def _variant(score: dict[str, Any]) -> Variant:
    return Variant(*(score[field] for field in Variant._fields))


def _protocol(results: dict[str, Any], variant: Variant) -> dict[str, str | int | None]:
    splits = results["splits"]
    cut = [
        f"{p['size']} pixels, stride {p['stride']}, scale {p['scale']}" for p in splits["patches"]
    ]
    return {
        "dataset": str(results["dataset"]),
        "split": str(results["split"]),
        "classes": ", ".join(results["palette"]),
        "classes in the means": ", ".join(results["scored_classes"]),
        **dict(zip(("masks", "augmentation", "predicted in"), variant, strict=True)),
        "passes": passes_text(results["tta"][variant.tta]),
        "patches": "; ".join(cut),
        WINDOWS: _windows(results, variant),
        RULE: splits["rule"] and str(splits["rule"]),
        TRAINED_ON: _number(splits["images_of_training"]),
        CHOSEN_ON: _number(splits["images_of_validation"]),
    }


def _windows(results: dict[str, Any], variant: Variant) -> str:
    if variant.unit == SCENES:
        window = results["scenes"]
        return f"whole tiles in windows of {window['window']} that overlap by {window['overlap']:g}"
    return windows_text(results["windows"]) if results["windows"] else ""


def _settings(results: dict[str, Any]) -> dict[str, str]:
    settings = {**results["settings"], **results.get("training", {})}
    return {str(name): str(value) for name, value in settings.items()}


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def _circumstances(results: dict[str, Any]) -> dict[str, str]:
    versions = {name: version for name, version in results["versions"].items() if version}
    commit = results["commit"]
    return {
        "precision": str(results["precision"]),
        "device": str(results["device"]),
        "commit": commit[:12] + "-dirty" * commit.endswith("-dirty") if commit else "unknown",
        **{name: str(version) for name, version in versions.items()},
    }
