"""The pictures of the README from the output of ``make demo``: make figures."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WINDOW = {"width": 1200, "height": 860}


def main() -> None:
    """Copy figures, take a picture of the report's viewer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, required=True, help="output folder of the demo")
    parser.add_argument("--image", required=True, help="name of the image to show")
    args = parser.parse_args()
    heatmaps = Image.open(args.demo / f"heatmaps/{args.image}.png").convert("RGB")
    heatmaps.save(HERE / "demo_heatmaps.jpg", quality=85, optimize=True)
    for name, path in (("embeddings", "embeddings/embeddings.png"), ("curves", "curves.png")):
        picture = Image.open(args.demo / path).convert("RGB")
        picture.quantize(128).save(HERE / f"demo_{name}.png", optimize=True)
    photograph(args.demo / "bicor/report.html", args.image, HERE / "demo_report.jpg")


def photograph(report: Path, image: str, path: Path) -> None:
    """The viewer of a report, with an image open at its buildings."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport=WINDOW)
        page.goto(f"{report.resolve().as_uri()}#image={image}&class=Building&layer=2")
        page.wait_for_selector("#viewer[aria-busy=false]")
        page.screenshot(path=path, quality=85)
        chromium.close()


if __name__ == "__main__":
    main()
