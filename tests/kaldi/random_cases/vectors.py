"""Vectors, their means, trials and error rates."""

import numpy as np

from tests.kaldi.random_cases.draw import Case, family


@family
def vectors(draw):
    """Means, lengths, transforms, copies of vectors and matrices, dot products."""
    dim = draw.integer(2, 30)
    spk2utt = draw.speakers([draw.integer(1, 5) for _ in range(draw.integer(1, 8))])
    table, entries = draw.vectors(spk2utt, dim)
    kind = draw.one_of("mean", "spk", "subtract", "length", "transform", "copy", "matrix", "dot")
    out = {"v.ark": "vector"}
    if kind == "mean":
        return Case(f"ivector-mean {table} OUT/mean.vec", {"mean.vec": "vector_file"})
    if kind == "spk":
        return Case(
            f"ivector-mean ark:in/spk2utt {table} ark:OUT/v.ark ark,t:OUT/num_utts",
            out | {"num_utts": "text"},
        )
    if kind == "subtract":
        settings = draw.options({"subtract-mean": ("true", "false")})
        given = f"<(ivector-mean {table} -) " if draw.chance(0.5) else ""
        return Case(f"ivector-subtract-global-mean {settings} {given}{table} ark:OUT/v.ark", out)
    if kind == "length":
        settings = draw.options({"scaleup": ("true", "false"), "normalize": ("true", "false")})
        return Case(f"ivector-normalize-length {settings} {table} ark:OUT/v.ark", out)
    if kind == "transform":
        command = draw.one_of("ivector-transform", "transform-vec")
        extra = draw.one_of(0, 1, 1, 2)
        x_OI = draw.rng.normal(0, 1, (draw.integer(1, 20), dim + extra))
        rows = "\n".join(" ".join(f"{x:.5g}" for x in row) for row in x_OI)
        draw.lines("transform.mat", [f"[ {rows} ]"])
        return Case(f"{command} in/transform.mat {table} ark:OUT/v.ark", out)
    if kind == "copy":
        settings = draw.options({"scale": (0.1, -2), "change-dim": (3, 40)})
        text = draw.chance(0.5)
        return Case(
            f"copy-vector {settings} {table} ark{',t' if text else ''}:OUT/v.ark",
            {"v.ark": "text" if text else "vector"},
        )
    if kind == "matrix":
        matrices = {f"m{i}": draw.rng.random((4, dim)).astype(np.float32) for i in range(3)}
        settings = draw.options(
            {
                "scale": (0.1, 2),
                "apply-exp": ("true", "false"),
                "apply-log": ("true", "false"),
                "apply-power": (0.5, 2.0),
                "apply-softmax-per-row": ("true", "false"),
            },
            0.25,
        )
        name = draw.table("matrices", "FloatMatrix", matrices)
        return Case(f"copy-matrix {settings} {name} ark:OUT/m.ark", {"m.ark": "matrix"})
    trials = draw.trials(list(entries), list(entries))
    return Case(
        f"ivector-compute-dot-products {trials} {table} {table} OUT/scores", {"scores": "scores"}
    )


@family
def eer(draw):
    lines = []
    for _ in range(draw.integer(2, 200)):
        target = draw.chance(0.4)
        score = draw.rng.normal(2.0 * target, 1.5)
        shown = f"{score:.1f}" if draw.chance(0.3) else f"{score:.6f}"
        lines.append(f"{shown} {'target' if target else 'nontarget'}")
    pairs = draw.lines("pairs", lines)
    return Case(f"compute-eer {pairs} > OUT/eer", {"eer": "text"})
