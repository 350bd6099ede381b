"""Tests; README.md here says how to run parts of them."""
