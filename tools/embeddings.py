"""All class embeddings that a network gives of a split's images, in two dimensions."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from tqdm import tqdm

from network.cli import reports_faults
from network.cli.inspecting import inspection_parser, open_images
from network.errors import ConfigError
from network.figures.embeddings import PROJECTIONS, embedding_figure, fisher_ratio, project
from network.figures.style import save_figure
from network.files.staging import staged_outputs

WRITES = """written to the output folder:
  embeddings.png, embeddings.pdf   PCA and t-SNE of every layer (D2LS: of its dynamic
                                   queries), colored by class; the Fisher ratio is low where
                                   the images agree and the classes lie apart
  embeddings.npz                   "embeddings" float32 [images, layers, classes, C], "pca" and
                                   "tsne" [layers, images, classes, 2], "fisher" [layers],
                                   "images" and "classes" (names)"""


@reports_faults
def main() -> None:
    """Read the command line, run the network, project, draw."""
    parser = inspection_parser(__doc__, WRITES)
    parser.add_argument("--most", type=int, default=500, help="images at most (default: 500)")
    args = parser.parse_args()
    if args.most < 2:
        raise ConfigError(f"--most {args.most}: at least 2 images")
    trained, dataset = open_images(args, None, args.most)
    if len(dataset) < 2:
        raise ConfigError("one image alone has no scatter; choose a --split of at least 2")
    names, arrays = [], []
    for found in tqdm(trained.inspect(dataset, "embeddings"), total=len(dataset), unit="image"):
        names.append(found.name)
        arrays.append(found.embeddings)
    embeddings = np.stack(arrays)
    layers = embeddings.swapaxes(0, 1)
    seed = trained.experiment.seed
    projected = {
        method: np.stack([project(layer, method, seed) for layer in layers])
        for method in PROJECTIONS
    }
    ratios = [fisher_ratio(layer) for layer in layers]
    output = Path(args.output)
    inputs = [path for sample in dataset.samples for path in sample.files]
    with staged_outputs(output, inputs) as aside:
        np.savez_compressed(
            aside / "embeddings.npz",
            embeddings=embeddings,
            **projected,
            fisher=ratios,
            images=names,
            classes=trained.spec.classes,
        )
        save_figure(embedding_figure(projected, ratios, trained.spec), aside / "embeddings")
    for layer, ratio in enumerate(ratios, 1):
        print(f"class embeddings {layer}: Fisher ratio {ratio:.4g} over {len(names)} images")
    print(f"embeddings.png, .pdf and .npz in {output}")


if __name__ == "__main__":
    main()
