"""What becomes of x-vectors: centring, LDA, length normalisation, PLDA, scores, clusters."""
