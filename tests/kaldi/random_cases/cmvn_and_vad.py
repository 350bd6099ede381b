"""Normalisation and voice activity of random features."""

import numpy as np

from tests.kaldi.random_cases.draw import Case, family


@family
def cmvn(draw):
    """apply-cmvn-sliding; compute-cmvn-stats and apply-cmvn, by utterance, speaker or global."""
    table, feats = draw.features()
    if draw.chance(0.5):
        settings = draw.options(
            {
                "cmn-window": (1, 2, 10, 60, 300, 1000),
                "min-cmn-window": (1, 5, 100),
                "center": ("true", "false"),
                "norm-vars": ("true", "false"),
                "max-warnings": (0,),
            },
            0.6,
        )
        return Case(
            f"apply-cmvn-sliding {settings} {table} ark:OUT/feats.ark", {"feats.ark": "matrix"}
        )
    apply = draw.options(
        {
            "norm-vars": ("true", "false"),
            "norm-means": ("true", "true", "false"),
            "skip-dims": ("0", "0:2"),
            "reverse": ("true", "false"),
        }
    )
    compute, kind = "", draw.one_of("utterance", "speaker", "global")
    if kind == "speaker":
        utts = list(feats)
        cut = draw.integer(1, len(utts))
        groups = [group for group in (utts[:cut], utts[cut:]) if group]
        draw.lines("spk2utt", [f"spk{i} {' '.join(group)}" for i, group in enumerate(groups)])
        pairs = [f"{utt} spk{i}" for i, group in enumerate(groups) for utt in group]
        draw.lines("utt2spk", pairs)
        compute += " --spk2utt=ark:in/spk2utt"
        apply += " --utt2spk=ark:in/utt2spk"
    if draw.chance(0.3):
        weights = {utt: draw.rng.random(len(x)).astype(np.float32) for utt, x in feats.items()}
        compute += f" --weights={draw.table('weights', 'FloatVector', weights)}"
    stats = "OUT/stats" if kind == "global" else "ark:OUT/stats"
    table = draw.features(scp=True)[0] if kind == "global" else table
    return Case(
        f"compute-cmvn-stats {compute} {table} {stats}"
        f" && apply-cmvn {apply} {stats} {table} ark:OUT/feats.ark",
        {"feats.ark": "matrix"} | ({} if kind == "global" else {"stats": "dmatrix"}),
    )


@family
def voice_activity(draw):
    table, feats = draw.features(high=600)
    settings = draw.options(
        {
            "vad-energy-threshold": (5.5, 0, -3, 40),
            "vad-energy-mean-scale": (0.5, 0, 1.0),
            "vad-frames-context": (0, 1, 2, 5, 20),
            "vad-proportion-threshold": (0.6, 0.12, 0.5, 0.9),
            "omit-unvoiced-utts": ("true", "false"),
        },
        0.7,
    )
    if draw.chance(0.5):
        return Case(f"compute-vad {settings} {table} ark:OUT/vad.ark", {"vad.ark": "vector"})
    voiced = {
        utt: (draw.rng.random(len(x) + draw.chance(0.05)) < draw.rng.random()).astype(np.float32)
        for utt, x in feats.items()
        if draw.chance(0.9)
    }
    vad = draw.table("vad", "FloatVector", voiced)
    return Case(f"select-voiced-frames {table} {vad} ark:OUT/feats.ark", {"feats.ark": "matrix"})
