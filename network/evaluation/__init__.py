"""Scoring a trained network, and what is kept of it."""
