"""Measurements of speed and memory; ``python benchmarks/run.py`` runs them."""
