"""Handing a trained network on: files that others can use."""
