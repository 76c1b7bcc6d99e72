"""Pages of HTML in a browser, and what is to be seen in them."""

import base64
import shutil

import cv2
import pytest

MISSING = "the page needs a browser to be tested; get playwright and Chromium by: make browser"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SHOWN = "#viewer[aria-busy=false]"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason=MISSING)
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    with playwright.sync_playwright() as running:
        try:
            browser = running.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except playwright.Error:
            if found:
                raise
            pytest.skip(MISSING)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Opens HTML as a file; at the end nothing may have failed or been asked of others."""
    contexts, faults, requests = [], [], []
    path = tmp_path / "opened.html"

    def opened(html, hash="", width=1280, height=900, **options):
        path.write_text(html, encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on("console", lambda said: said.type == "error" and faults.append(said.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri() + hash)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []
    assert [url for url in requests if not url.startswith((path.as_uri(), "data:", "blob:"))] == []


def uri(pixels):
    encoded, text = cv2.imencode(".png", pixels)
    assert encoded
    return "data:image/png;base64," + base64.b64encode(text).decode()


def color(page, canvas, u=0.5, v=0.5):
    return page.evaluate(
        """([id, u, v]) => {
          const canvas = document.getElementById(id);
          const [x, y] = [Math.floor(u * canvas.width), Math.floor(v * canvas.height)];
          return [...canvas.getContext("2d").getImageData(x, y, 1, 1).data.slice(0, 3)];
        }""",
        [canvas, u, v],
    )


def rgb(text):
    return [int(text[place : place + 2], 16) for place in (1, 3, 5)]


def near(wanted, tolerance=2):
    return pytest.approx(wanted, abs=tolerance)


def inside(page, canvas, u, v):
    box = page.locator(f"#{canvas}").bounding_box()
    return box["x"] + u * box["width"], box["y"] + v * box["height"]


def text(page, selector):
    return page.locator(selector).inner_text()
