"""Class heatmaps of chosen images: figures, overlays and raw arrays."""

from __future__ import annotations

import difflib
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import matplotlib
import numpy as np
from tqdm import tqdm

from network.cli import reports_faults
from network.cli.inspecting import inspection_parser, open_image_files, open_images
from network.datasets.catalog import DatasetSpec
from network.errors import ConfigError
from network.figures.heatmaps import heatmap_figure
from network.figures.painting import COLORMAP, enlarge, overlay, paint_heatmap
from network.figures.style import save_figure
from network.files.images import write_image
from network.files.staging import staged_outputs
from network.files.writing import replacing

IMAGES = 4
WRITES = """written to the output folder, NAME being the image's:
  NAME.png, NAME.pdf               image, ground truth, prediction, heatmaps
  overlays/NAME_hbisL_CLASS.png    one heatmap over the image, in its size
  heatmaps/NAME.npz                "heatmaps" float32 [layers, classes, h, w] from 0 to 1,
                                   "layers" (from 1) and "classes" (names) of its axes"""


@reports_faults
def main() -> None:
    """Read the command line, run the network, draw."""
    parser = inspection_parser(__doc__, WRITES, config=False)
    parser.add_argument(
        "--images",
        nargs="+",
        metavar="NAME",
        unique=True,
        help=f"with -c of the split (default: {IMAGES}, spread); without it, files and folders",
    )
    parser.add_argument("--classes", nargs="+", metavar="NAME", unique=True, help="default: all")
    parser.add_argument(
        "--layers", nargs="+", type=int, metavar="L", unique=True, help="from 1; default: all"
    )
    parser.add_argument("--opacity", type=float, default=0.6, help="of the heatmaps, 0 to 1")
    parser.add_argument("--colormap", default=COLORMAP, help="matplotlib's name of it")
    args = parser.parse_args()
    if not 0 <= args.opacity <= 1:
        raise ConfigError(f"--opacity {args.opacity}: from 0 to 1")
    if args.colormap not in matplotlib.colormaps:
        raise ConfigError(f"--colormap {args.colormap}: matplotlib has none of that name")
    if args.config:
        network, dataset = open_images(args, args.images, IMAGES)
    else:
        network, dataset = open_image_files(args, args.images)
    spec = network.spec
    classes = _classes(args.classes, spec)
    output = Path(args.output)
    inputs = [path for sample in dataset.samples for path in sample.files]
    with staged_outputs(output, inputs) as aside:
        for found in tqdm(network.inspect(dataset, "heatmaps"), total=len(dataset), unit="image"):
            layers = _layers(args.layers, len(found.heatmaps))
            figure = heatmap_figure(found, spec, classes, layers, args.opacity, args.colormap)
            save_figure(figure, aside / found.name)
            for layer, index in itertools.product(layers, classes):
                heatmap = enlarge(found.heatmaps[layer, index], *found.image.shape[:2])
                painted = overlay(found.image, paint_heatmap(heatmap, args.colormap), args.opacity)
                name = f"{found.name}_hbis{layer + 1}_{spec.classes[index].replace('/', '-')}.png"
                write_image(aside / "overlays" / name, painted)
            with replacing(aside / "heatmaps" / f"{found.name}.npz") as temporary:
                np.savez_compressed(
                    temporary,
                    heatmaps=found.heatmaps[np.ix_(layers, classes)],
                    layers=np.add(layers, 1),
                    classes=[spec.classes[index] for index in classes],
                )
    print(f"{len(dataset)} figures (PNG, PDF), overlays/ and heatmaps/ in {output}")


def _classes(names: Sequence[str] | None, spec: DatasetSpec) -> list[int]:
    for name in names or ():
        if name not in spec.classes:
            near = difflib.get_close_matches(name, spec.classes, n=1)
            advice = f"did you mean {near[0]}?" if near else f"there are {', '.join(spec.classes)}"
            raise ConfigError(f"--classes {name}: {spec.name} has no such class; {advice}")
    return [spec.classes.index(name) for name in names or spec.classes]


def _layers(numbers: Sequence[int] | None, count: int) -> list[int]:
    for number in numbers or ():
        if not 1 <= number <= count:
            raise ConfigError(f"--layers {number}: the network has HBIS layers 1 to {count}")
    return [number - 1 for number in numbers or range(1, count + 1)]


if __name__ == "__main__":
    main()
