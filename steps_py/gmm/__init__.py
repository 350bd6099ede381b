"""Gaussian mixtures: diagonal and full covariances, statistics, estimation.

Sources: src/gmm of Kaldi.
"""
