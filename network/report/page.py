"""The HTML page of a report."""

from __future__ import annotations

from pathlib import Path

from network.pages.page import Page

REPORT_PAGE = Page("Test report", Path(__file__).parent)
