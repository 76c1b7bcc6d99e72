"""Tests of several methods and seeds side by side, and which differences are more than chance."""
