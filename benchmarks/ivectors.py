"""i-vectors as in v1 of Kaldi's voxceleb recipe: 2,048 Gaussians, 72 features, 400 dimensions.

Without Kaldi, the other side of training and extraction is the products of matrices that they
consist of, at the speed of BLAS: `operations` counts them.
"""

import numpy as np

from benchmarks import inputs
from benchmarks.harness import Case
from steps_py.formats.holders import FLOAT_MATRIX
from steps_py.formats.posteriors import POSTERIOR, Posterior
from steps_py.formats.tables import TableWriter, write_object
from steps_py.gmm.full_gmm import FULL_GMM, FullGmm

NUM_GAUSS, FEAT_DIM, DIM = 2048, 72, 400
NUM_UTTS, NUM_FRAMES, NUM_POSTERIORS = 64, 300, 8


def make_inputs(folder, scale=1.0):
    rng = inputs.rng_of("ivectors")
    num_gauss = max(32, int(NUM_GAUSS * scale))
    feat_dim, dim = max(6, int(FEAT_DIM * scale)), max(5, int(DIM * scale))
    num_utts = max(7, int(NUM_UTTS * scale))
    means_GD = rng.standard_normal((num_gauss, feat_dim))
    noise_GDD = 0.1 * rng.standard_normal((num_gauss, feat_dim, feat_dim)) / feat_dim**0.5
    covars_GDD = np.eye(feat_dim) + noise_GDD @ noise_GDD.transpose(0, 2, 1)
    ubm = FullGmm.of_moments(np.full(num_gauss, 1 / num_gauss), means_GD, covars_GDD)
    write_object(f"{folder}/final.ubm", FULL_GMM, ubm)
    with (
        TableWriter(f"ark:{folder}/feats.ark", FLOAT_MATRIX) as feats,
        TableWriter(f"ark:{folder}/post.ark", POSTERIOR) as posts,
    ):
        for utt in range(num_utts):
            name, chosen_TK = f"utt{utt:04d}", rng.random((NUM_FRAMES, num_gauss))
            chosen_TK = np.sort(chosen_TK.argpartition(NUM_POSTERIORS)[:, :NUM_POSTERIORS])
            x_TD = 0.5 * means_GD[chosen_TK[:, 0]] + rng.standard_normal((NUM_FRAMES, feat_dim))
            feats.write(name, x_TD.astype(np.float32))
            counts_T = np.full(NUM_FRAMES, NUM_POSTERIORS)
            weight_P = np.full(chosen_TK.size, 1 / NUM_POSTERIORS, np.float32)
            posts.write(name, Posterior(counts_T, chosen_TK.ravel(), weight_P))
    init = ("ivector-extractor-init", f"--ivector-dim={dim}", "--use-weights=false")
    inputs.run_ours(folder, *init, "final.ubm", "0.ie")
    statistics = ("0.ie", "ark:feats.ark", "ark:post.ark", "0.acc")
    inputs.run_ours(folder, "ivector-extractor-acc-stats", *statistics)


def operations(num_utts):
    """Floating-point operations of U of the extractor, and of statistics of utterances.

    A utterance adds its linear term, its precision, a solution with its inverse, and its part of
    R and Y.
    """
    lower, squares = DIM * (DIM + 1) / 2, DIM**2
    of_extractor = NUM_GAUSS * 2 * (FEAT_DIM**2 * DIM + FEAT_DIM * squares)
    linear = 2 * NUM_GAUSS * FEAT_DIM * (FEAT_DIM + DIM)
    precision = 2 * NUM_GAUSS * lower
    training = linear + 2 * precision + 2 * NUM_GAUSS * FEAT_DIM * DIM + DIM**3
    extraction = linear + precision + DIM**3 / 3
    return of_extractor + num_utts * training, of_extractor + num_utts * extraction


def cases():
    of_training, of_extraction = operations(NUM_UTTS)
    of_update = NUM_GAUSS * (DIM**3 * 2 / 3 + 8 * FEAT_DIM * DIM**2)
    tables = ("ark:feats.ark", "ark:post.ark")

    def products(num_operations):
        return ("python3", "-m", "benchmarks.blas_products", f"{num_operations:g}", "float64")

    def case(name, argv, num_operations):
        return Case(
            name=name,
            argv=argv,
            rival=products(num_operations),
            rival_name="BLAS",
            at_most_ratio=0.5,
            at_most_memory_ratio=1.0,
        )

    return [
        case(
            f"ivector-extractor-acc-stats, {NUM_UTTS} utterances",
            ("ivector-extractor-acc-stats", "0.ie", *tables, "new.acc"),
            of_training,
        ),
        case(
            "ivector-extractor-est",
            ("ivector-extractor-est", "--gaussian-min-count=1", "0.ie", "0.acc", "1.ie"),
            of_update,
        ),
        case(
            f"ivector-extract, {NUM_UTTS} utterances",
            ("ivector-extract", "0.ie", *tables, "ark:ivectors.ark"),
            of_extraction,
        ),
    ]
