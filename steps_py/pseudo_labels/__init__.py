"""Speaker labels for unlabelled speech: clusters of x-vectors, found in rounds.

`clusterers` find the clusters, `rounds` names them, drops doubtful utterances and compares the
labels of two rounds, `relabel` puts them into the training list.
"""
