"""Training of a UBM: 2,048 Gaussians of dimension 60, 20 of them selected for each frame."""

import numpy as np

from benchmarks import inputs
from benchmarks.harness import Case
from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.tables import TableWriter, write_object
from steps_py.gmm.diag_gmm import DIAG_GMM, DiagGmm

NUM_UTTS, NUM_FRAMES, NUM_GAUSS, DIM, NUM_SELECTED = 50, 400, 2048, 60, 20


def make_inputs(folder, scale=1.0):
    rng = inputs.rng_of("gmm")
    num_gauss, num_utts = max(32, int(NUM_GAUSS * scale)), max(7, int(NUM_UTTS * scale))
    means_GD = rng.standard_normal((num_gauss, DIM))
    weights_G = np.full(num_gauss, 1 / num_gauss)
    gmm = DiagGmm.of_moments(weights_G, means_GD, np.ones(means_GD.shape))
    write_object(f"{folder}/diag.gmm", DIAG_GMM, gmm)
    with TableWriter(f"ark:{folder}/feats.ark", FLOAT_MATRIX) as writer:
        for utt in range(num_utts):
            chosen_T = rng.integers(num_gauss, size=NUM_FRAMES)
            noise_TD = rng.standard_normal((NUM_FRAMES, DIM))
            writer.write(f"utt{utt:04d}", 0.5 * means_GD[chosen_T] + noise_TD)
    inputs.run_ours(folder, "gmm-global-to-fgmm", "diag.gmm", "full.gmm")
    selection = ("diag.gmm", "ark:feats.ark", "ark:gselect.ark")
    inputs.run_ours(folder, "gmm-gselect", f"--n={NUM_SELECTED}", *selection)
    statistics = ("full.gmm", "ark:feats.ark", "full.acc")
    inputs.run_ours(folder, "fgmm-global-acc-stats", "--gselect=ark:gselect.ark", *statistics)


def cases():
    feats, selection = "ark:feats.ark", "--gselect=ark:gselect.ark"
    keep = "--remove-low-count-gaussians=false"

    def by_frame(work):
        return ("python3", "-m", "benchmarks.gmm_by_frame", work)

    return [
        Case(
            name="gmm-global-init-from-feats, 256 Gaussians, 20,000 frames, 4 iterations",
            argv=(
                *("gmm-global-init-from-feats", "--num-threads=1", "--num-gauss=256"),
                *("--num-iters=4", feats, "new.gmm"),
            ),
            at_most_ratio=0.5,
        ),
        Case(
            name="gmm-gselect, best 20 of 2,048, 20,000 frames",
            argv=("gmm-gselect", f"--n={NUM_SELECTED}", "diag.gmm", feats, "ark:selected.ark"),
            rival=by_frame("select"),
            rival_name="by frame",
            at_most_ratio=0.5,
        ),
        Case(
            name="fgmm-global-acc-stats, 20 of 2,048, 20,000 frames",
            argv=("fgmm-global-acc-stats", selection, "full.gmm", feats, "new.acc"),
            rival=by_frame("accumulate"),
            rival_name="by frame",
            at_most_ratio=0.5,
        ),
        Case(
            name="fgmm-global-gselect-to-post, 20 of 2,048, 20,000 frames",
            argv=(
                *("fgmm-global-gselect-to-post", "--min-post=0.025", "full.gmm", feats),
                *("ark:gselect.ark", "ark:post.ark"),
            ),
            at_most_ratio=0.5,
        ),
        Case(
            name="fgmm-global-est, 2,048 Gaussians",
            argv=("fgmm-global-est", keep, "full.gmm", "full.acc", "new.ubm"),
            at_most_ratio=0.5,
        ),
    ]
