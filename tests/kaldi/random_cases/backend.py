"""LDA, PLDA and clustering."""

import numpy as np

from tests.kaldi.random_cases.draw import Case, family


@family
def lda(draw):
    """LDA and PCA, by what they do to vectors."""
    dim = draw.integer(2, 25)
    num_speakers = draw.integer(4, 40)
    least = 2 + 2 * dim // num_speakers  # fewer leave directions without any variance
    spk2utt = draw.speakers([draw.integer(least, least + 6) for _ in range(num_speakers)])
    table, _ = draw.vectors(spk2utt, dim)
    out_dim = draw.integer(1, max(min(dim, num_speakers - 1) - 1, 1))
    if draw.chance(0.3):
        settings = draw.options(
            {
                "dim": (out_dim,),
                "normalize-mean": ("true", "false"),
                "normalize-variance": ("true", "false"),
            },
            0.7,
        )
        command = f"est-pca --read-vectors=true {settings} {table} OUT/lda.mat"
    else:
        settings = draw.options(
            {
                "total-covariance-factor": (0.0, 0.1, 0.5),
                "covariance-floor": (1e-6, 0.01),
            },
            0.6,
        )
        command = (
            f"ivector-compute-lda --dim={out_dim} {settings} 'ark:ivector-subtract-global-mean"
            f" {table} ark:- |' ark:in/utt2spk OUT/lda.mat"
        )
    return Case(
        f"{command} && transform-vec OUT/lda.mat {table} ark:OUT/v.ark", {"v.ark": "vector"}
    )


@family
def plda(draw):
    """PLDA: trained, smoothed, adapted, and scores with it."""
    dim = draw.integer(2, 20)
    spk2utt = draw.speakers([draw.integer(1, 7) for _ in range(draw.integer(3 * dim, 6 * dim))])
    table, _ = draw.vectors(spk2utt, dim)
    binary = draw.options({"binary": ("true", "false"), "num-em-iters": (1, 5, 10, 15)})
    steps = [f"ivector-compute-plda {binary} ark:in/spk2utt {table} OUT/plda"]
    model, outputs = "OUT/plda", {"plda": "plda"}
    other = {f"e{s}": [f"e{s}-{u}" for u in range(dim + 5)] for s in range(draw.integer(2, 5))}
    tests, entries = draw.vectors(other, dim, "eval", draw.rng.uniform(0.3, 1.5))
    if draw.chance(0.3):
        smoothing = draw.one_of(0.0, 0.05, 0.3)
        steps.append(f"ivector-copy-plda --smoothing={smoothing} {model} OUT/smooth")
        model, outputs = "OUT/smooth", outputs | {"smooth": "plda"}
    if draw.chance(0.3):
        settings = draw.options(
            {
                "within-covar-scale": (0.3, 0.75, 1.0),
                "between-covar-scale": (0.1, 0.25, 0.7),
                "mean-diff-scale": (0.0, 0.5, 1.0),
            },
            0.7,
        )
        steps.append(f"ivector-adapt-plda {settings} {model} {tests} OUT/adapted")
        model, outputs = "OUT/adapted", outputs | {"adapted": "plda"}
    if draw.chance(0.3):
        draw.lines("reco2utt", [f"{spk} {' '.join(utts)}" for spk, utts in other.items()])
        energy = draw.one_of(0.1, 0.5, 0.9)
        steps.append(
            f"ivector-plda-scoring-dense --target-energy={energy} {model} ark:in/reco2utt"
            f" {tests} ark:OUT/dense.ark"
        )
        return Case(" && ".join(steps), outputs | {"dense.ark": "matrix"})
    settings = draw.options(
        {
            "normalize-length": ("true", "false"),
            "simple-length-normalization": ("true", "false"),
        },
        0.7,
    )
    enrolled = list(entries)
    if draw.chance(0.4):
        draw.lines("num_utts", [f"{utt} {draw.integer(1, 9)}" for utt in enrolled])
        settings += " --num-utts=ark:in/num_utts"
    trials = draw.trials(enrolled, enrolled)
    steps.append(f"ivector-plda-scoring {settings} {model} {tests} {tests} {trials} OUT/scores")
    return Case(" && ".join(steps), outputs | {"scores": "scores"})


@family
def clustering(draw):
    matrices, lines, counts = {}, [], []
    for number in range(draw.integer(1, 4)):
        size = draw.integer(1, 40)
        near = draw.rng.normal(0, 1, (size, 3))
        scores = -((near[:, None] - near[None]) ** 2).sum(axis=2) + draw.rng.uniform(0, 4)
        matrices[f"r{number}"] = scores.astype(np.float32)
        lines.append(f"r{number} " + " ".join(f"r{number}-{i}" for i in range(size)))
        counts.append(f"r{number} {draw.integer(1, 8)}")
    draw.lines("reco2utt", lines)
    draw.lines("reco2num_spk", counts)
    table = draw.table("dense", "FloatMatrix", matrices, scp=True)
    settings = draw.options(
        {
            "threshold": (-2.0, 0.0, 0.5, 2.0),
            "read-costs": ("true", "false"),
            "reco2num-spk-rspecifier": ("ark,t:in/reco2num_spk",),
            "max-spk-fraction": (0.2, 0.5, 1.0),
            "first-pass-max-utterances": (5, 12, 32767),
        },
        0.5,
    )
    return Case(
        f"agglomerative-cluster {settings} {table} ark:in/reco2utt ark,t:OUT/labels",
        {"labels": "text"},
    )
