"""A background model and an i-vector extractor that are not trained, and a recipe's i-vectors."""

import numpy as np

from steps_py.formats.kaldi_io_tables import read_vectors
from steps_py.formats.tables import write_object
from steps_py.gmm.full_gmm import FULL_GMM, FullGmm
from steps_py.ivector.extractor import new_extractor, write_extractor
from steps_py.system.make import Material
from tests.support.kaldi_calls import kaldi
from tests.support.small_extractor import CONFS

DIM, NUM_GAUSS = 6, 4
GAUSSIANS = {"num_gselect": 3, "min_post": 0.025, "posterior_scale": 0.5}
FEAT_DIMS = {"mfcc": 8, "fbank": 13}


def write_ivector_models(folder, feat_dim):
    """folder/final.ubm and folder/final.ie, for normalised features."""
    rng = np.random.default_rng(3)
    roots = 0.2 * rng.normal(size=(NUM_GAUSS, feat_dim, feat_dim))
    covars = 4 * np.eye(feat_dim) + roots @ roots.transpose(0, 2, 1)
    means = rng.normal(size=(NUM_GAUSS, feat_dim))
    ubm = FullGmm.of_moments([0.1, 0.2, 0.3, 0.4], means, covars)
    write_object(f"{folder}/final.ubm", FULL_GMM, ubm)
    extractor = new_extractor(ubm.means_GD(), ubm.inv_covars_GP, ubm.weights_G, DIM, False)
    write_extractor(f"{folder}/final.ie", extractor)


def material_of_ivectors(folder, kind, cmvn, deltas):
    """What a system of i-vectors is made of, which embeds only."""
    (folder / "manifest.json").write_text('{"commit": "abc", "config": {}}')
    return Material(
        model=f"{folder}/final.ie",
        manifest=f"{folder}/manifest.json",
        scored_by="cosine",
        chain=[{"step": {"name": "cosine"}, "files": []}],
        is_calibrated=False,
        lists={},
        corpora=[],
        own_files=[],
        kind="ivector",
        of_kind={
            "ubm": f"{folder}/final.ubm",
            "front_end": {
                "type": kind,
                "conf": f"{folder}/{kind}.conf",
                "compress": True,
                "vad_conf": f"{folder}/vad.conf",
            },
            "cmvn": cmvn,
            "gaussians": {**deltas, **GAUSSIANS},
        },
    )


def write_confs(folder, kind, rate_hz, vad):
    """The conf files of features without dither, and of voice decisions."""
    conf = f"--sample-frequency={rate_hz}\n{CONFS[kind]}--dither=0\n"
    (folder / f"{kind}.conf").write_text(conf)
    (folder / "vad.conf").write_text(vad)


def ivectors_of_recipe(folder, kind, wavs, cmvn, deltas):
    """What the commands of the rule extract_ivectors make of the recordings {utt: path}."""
    (folder / "wav.scp").write_text("".join(f"{utt} {path}\n" for utt, path in wavs.items()))
    ark = {
        name: f"ark:{folder}/{name}.ark" for name in ("raw", "feats", "deltas", "cmvn", "voiced")
    }
    ark |= {name: f"ark:{folder}/{name}.ark" for name in ("vad", "gselect", "post", "scaled", "x")}
    ubm, feats = f"{folder}/final.ubm", ark["feats"]
    steps = [
        [
            f"compute-{kind}-feats",
            f"--config={folder}/{kind}.conf",
            f"scp:{folder}/wav.scp",
            ark["raw"],
        ],
        ["copy-feats", "--compress=true", ark["raw"], feats],
        ["compute-vad", f"--config={folder}/vad.conf", feats, ark["vad"]],
    ]
    if deltas["delta_order"]:
        options = [
            f"--delta-{name}={deltas[f'delta_{key}']}"
            for name, key in (("order", "order"), ("window", "window_frames"))
        ]
        steps.append(["add-deltas", *options, feats, ark["deltas"]])
        feats = ark["deltas"]
    if cmvn["window_frames"]:
        options = [f"--cmn-window={cmvn['window_frames']}", "--center=true"]
        options.append(f"--norm-vars={str(cmvn['norm_vars']).lower()}")
        steps.append(["apply-cmvn-sliding", *options, feats, ark["cmvn"]])
        feats = ark["cmvn"]
    n, min_post = (GAUSSIANS[name] for name in ("num_gselect", "min_post"))
    steps += [
        ["select-voiced-frames", feats, ark["vad"], ark["voiced"]],
        ["fgmm-global-to-gmm", ubm, f"{folder}/diag.ubm"],
        ["gmm-gselect", f"--n={n}", f"{folder}/diag.ubm", ark["voiced"], ark["gselect"]],
        [
            "fgmm-global-gselect-to-post",
            f"--min-post={min_post}",
            ubm,
            ark["voiced"],
            ark["gselect"],
            ark["post"],
        ],
        ["scale-post", ark["post"], str(GAUSSIANS["posterior_scale"]), ark["scaled"]],
        ["ivector-extract", f"{folder}/final.ie", ark["voiced"], ark["scaled"], ark["x"]],
    ]
    assert {step[0]: kaldi(*step) for step in steps} == {step[0]: 0 for step in steps}
    return read_vectors(folder / "x.ark")
