"""Datasets: files on disk to samples, batches and back to colors."""
