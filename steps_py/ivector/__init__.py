"""i-vectors: the extractor's model, its statistics, its training, extraction.

Sources: src/ivector of Kaldi; N. Dehak et al., "Front-end factor analysis for speaker
verification", 2011; D. Povey et al., "The subspace Gaussian mixture model", 2011, for weights that
depend on the i-vector.
"""
