from tests.browsing import browser, opened

__all__ = ["browser", "opened"]
