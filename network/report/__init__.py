"""The report of a test: one HTML file that needs nothing beside it."""
