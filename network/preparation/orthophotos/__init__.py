"""Orthophotos with labels of one's own, cut into patches to train on."""
