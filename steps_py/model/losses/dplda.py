"""Discriminative PLDA on all trials of a batch.

Shape suffixes: A batch of all processes, E embedding, N chunks, L after LDA.

References: L. Burget et al., "Discriminatively trained probabilistic linear discriminant analysis
for speaker verification", ICASSP 2011; J. Rohdin et al., "End-to-end DNN based speaker
recognition inspired by i-vector and PLDA", ICASSP 2018, sections 2.3 and 3.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from steps_py.backend.discriminative_plda import effective_prior
from steps_py.backend.lda import Lda
from steps_py.backend.plda import Plda
from steps_py.backend.plda_em import fit_plda
from steps_py.backend.plda_io import read_plda
from steps_py.errors import BackendError, ConfigError
from steps_py.formats.arrays import read_matrix, read_vector
from steps_py.formats.streams import open_input
from steps_py.model.distances import pairs_of
from steps_py.model.encoders.tdnn import BATCH_NORM_EPS
from steps_py.model.loss import MetricLoss
from steps_py.model.registries import LOSSES
from steps_py.model.trial_scores import FORMS
from steps_py.settings.declare import Count, setting

SHORTEST = 1e-3  # vectors below this length keep a smaller one, so that their slope is bounded


@dataclass(frozen=True, kw_only=True)
class StartFiles:
    """Files of a back-end, such as those of the chain centre, lda, length_norm, plda."""

    mean: str = setting(description="the mean of x-vectors; relative to the recipe's folder")
    lda: str = setting(description="the projection, with or without an offset column")
    plda: str = setting(description="the PLDA of projected vectors of length sqrt(lda_dim)")


@LOSSES.register("dplda")
class Dplda(MetricLoss):
    r"""Batch norm, centring, LDA, length norm, PLDA's score of all pairs, weighted cross-entropy.

    .. math:: L = \frac{1}{H} \Bigl( \frac{p}{N_1} \sum_{y_i = y_j} \log(1 + e^{-s_{ij} + \tau})
              + \frac{1-p}{N_0} \sum_{y_i \ne y_j} \log(1 + e^{s_{ij} - \tau}) \Bigr), \qquad
              \tau = -\log\frac{p}{1-p}

    over the pairs of different utterances, with p the prior of a target trial, the costs of errors
    included, and H its entropy: a loss of 1 is that of the prior alone.  All parameters are
    trained.  They begin as those of an LDA and a PLDA estimated from the embeddings of chunks at
    the start of the training, see `start_from`; the loss of a batch without both kinds of pairs
    is 0.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        lda_dim: Count | None = setting(None, "null: that of the embedding")
        batch_norm: bool = setting(True, "normalise mean and variance of each dimension first")
        form: Literal["quadratic", "covariances"] = setting(
            "quadratic",
            "what is trained: the matrices of the score, or PLDA's mean and covariances, which"
            " count the utterances of an enrolment",
        )
        p_target: float = setting(
            0.0075, "prior of a target trial", exclusiveMinimum=0, exclusiveMaximum=1
        )
        c_miss: float = setting(1.0, "cost of a miss", exclusiveMinimum=0)
        c_fa: float = setting(1.0, "cost of a false alarm", exclusiveMinimum=0)
        l2: float = setting(0.0, "weight of the squared difference from `l2_to`", minimum=0)
        l2_to: Literal["initial", "zero"] = setting(
            "initial", "what the parameters of the score are drawn to: those of the PLDA, or 0"
        )
        start_chunks: Count = setting(
            5000, "chunks, those of the first steps, that LDA and PLDA are estimated from"
        )
        num_em_iters: Count = setting(10, "of the PLDA that the training starts from")
        start_files: StartFiles | None = setting(
            None, "read mean, LDA and PLDA from files instead; batch_norm is then false"
        )

        def __post_init__(self):
            if self.start_files is not None and self.batch_norm:
                raise ConfigError(
                    "loss 'dplda': start_files are of x-vectors that are not normalised. Set"
                    " batch_norm to false, or start_files to null."
                )

    def __init__(self, config: Config, in_dim: int, num_speakers: int):
        super().__init__()
        dim = config.lda_dim or in_dim
        if dim > in_dim:
            raise ConfigError(
                f"loss 'dplda': lda_dim is {dim}, more than the {in_dim} dimensions of the"
                " embedding. Lower it."
            )
        self.config = config
        self.chunks_to_start = config.start_chunks if config.start_files is None else 0
        self.norm = nn.BatchNorm1d(in_dim, eps=BATCH_NORM_EPS, momentum=0.05, affine=False)
        self.mean_E = nn.Parameter(torch.zeros(in_dim))
        self.lda_LE = nn.Parameter(torch.eye(dim, in_dim))
        self.scores = FORMS[config.form](dim)
        self.scores.start_from(Plda(np.zeros(dim), np.eye(dim), np.ones(dim)))
        self.register_buffer("started", torch.tensor(False))
        for name, start in self._starts().items():
            self.register_buffer(f"start_{name}", start)
        p = effective_prior(config.p_target, config.c_miss, config.c_fa)
        self._prior, self._logit = p, math.log(p / (1 - p))
        self._entropy = -p * math.log(p) - (1 - p) * math.log1p(-p)

    @property
    def needs_start(self) -> bool:
        return not bool(self.started)

    @torch.no_grad()
    def start_from(self, embedding_NE: torch.Tensor, spk_id_N: torch.Tensor) -> None:
        """Estimate mean, LDA and PLDA from the embeddings of chunks and their speakers.

        With `start_files` they are read instead.  Raises ConfigError if there are too few chunks,
        or the files do not fit.
        """
        if self.config.start_files is not None:
            self._start_from_files(self.config.start_files)
            return
        if self.config.batch_norm:
            variance_E, mean_E = torch.var_mean(embedding_NE, dim=0)
            self.norm.running_mean.copy_(mean_E)
            self.norm.running_var.copy_(variance_E)
        normed_NE = self._normed(embedding_NE.to(self.norm.running_var), use_batch=False)
        x_NE, speaker_N = normed_NE.double().cpu().numpy(), spk_id_N.cpu().numpy()
        try:
            lda = Lda(dim=len(self.lda_LE)).fit(x_NE, speaker_N)
            self.mean_E.data.copy_(torch.from_numpy(lda.mean_D))
            self.lda_LE.data.copy_(torch.from_numpy(lda.transform_LD))
            x_NL = self._projected(normed_NE).double().cpu().numpy()
            plda = fit_plda(x_NL, speaker_N, num_em_iters=self.config.num_em_iters)
        except BackendError as error:
            raise ConfigError(
                f"loss 'dplda': start_chunks is {self.config.start_chunks}: {error}"
            ) from None
        self.start_with(plda)

    def _start_from_files(self, files):
        with open_input(files.mean) as stream:
            mean_E = read_vector(stream, "float64")
        with open_input(files.lda) as stream:
            lda_LE = read_matrix(stream, "float64")
        plda, (dim, in_dim) = read_plda(files.plda), self.lda_LE.shape
        if lda_LE.shape[1] == in_dim + 1:
            lda_LE, offset_L = lda_LE[:, :-1], lda_LE[:, -1]
            mean_E = mean_E - np.linalg.pinv(lda_LE) @ offset_L
        found = {files.mean: mean_E.shape, files.lda: lda_LE.shape, files.plda: (plda.dim,)}
        for (path, shape), wanted in zip(
            found.items(), ((in_dim,), (dim, in_dim), (dim,)), strict=True
        ):
            if shape != wanted:
                raise ConfigError(
                    f"loss 'dplda': start_files: {path} has the shape {shape}, here {wanted}. Give"
                    " the files of this network's x-vectors, and lda_dim."
                )
        self.mean_E.data.copy_(torch.from_numpy(mean_E))
        self.lda_LE.data.copy_(torch.from_numpy(lda_LE))
        self.start_with(plda)

    @torch.no_grad()
    def start_with(self, plda: Plda) -> None:
        """Set the parameters of the score to those of a PLDA, which `l2_to` refers to."""
        self.scores.start_from(plda)
        for name, start in self._starts().items():
            getattr(self, f"start_{name}").copy_(start)
        self.started.fill_(True)

    def vectors(self, embedding_AE: torch.Tensor) -> torch.Tensor:
        """What the score is of: vectors of length sqrt(L), (A, L)."""
        return self._projected(self._normed(embedding_AE, use_batch=self.norm.training))

    def affine(self) -> np.ndarray:
        """Norm, centring and LDA of eval mode in one, float64 (L, E + 1), the offset last."""
        lda_LE, mean_E = self.lda_LE.detach().cpu().double(), self.mean_E.detach().cpu().double()
        if self.config.batch_norm:
            scale_E = (self.norm.running_var.cpu().double() + self.norm.eps).rsqrt()
            lda_LE, mean_E = lda_LE * scale_E, mean_E / scale_E
            mean_E = mean_E + self.norm.running_mean.cpu().double()
        return torch.cat([lda_LE, -(lda_LE @ mean_E)[:, None]], dim=1).numpy()

    def compare(self, embedding_AE: torch.Tensor, spk_id_A: torch.Tensor) -> torch.Tensor:
        if len(spk_id_A) < 2:  # batch norm has no variance
            return 0 * embedding_AE.sum()
        score_AA = self.scores(self.vectors(embedding_AE))
        target_AA, other_AA = pairs_of(spk_id_A)
        margin_AA = score_AA + self._logit
        miss = _mean(F.softplus(-margin_AA), target_AA)
        false_alarm = _mean(F.softplus(margin_AA), other_AA)
        loss = (self._prior * miss + (1 - self._prior) * false_alarm) / self._entropy
        return (loss + self._penalty()) * (target_AA.any() & other_AA.any())

    def _normed(self, embedding_AE, use_batch):
        if not self.config.batch_norm:
            return embedding_AE
        norm = self.norm
        statistics = norm.running_mean, norm.running_var
        return F.batch_norm(
            embedding_AE, *statistics, training=use_batch, momentum=norm.momentum, eps=norm.eps
        )

    def _projected(self, x_AE):
        x_AL = (x_AE - self.mean_E) @ self.lda_LE.mT
        return math.sqrt(x_AL.shape[1]) * F.normalize(x_AL, eps=SHORTEST)

    def _penalty(self):
        if not self.config.l2:
            return 0.0
        to_initial = float(self.config.l2_to == "initial")
        away = [
            (x - to_initial * getattr(self, f"start_{name}")).square().sum()
            for name, x in self.scores.named_parameters()
        ]
        return self.config.l2 / 2 * sum(away)

    def _starts(self):
        return {name: x.detach().clone() for name, x in self.scores.named_parameters()}


def _mean(loss_AA, kind_AA):
    return loss_AA.masked_fill(~kind_AA, 0).sum() / kind_AA.sum().clamp(min=1)
