"""Discriminative PLDA as a loss: its start, its value, its gradients."""

import math

import numpy as np
import pytest
import torch

from steps_py.backend.lda import Lda
from steps_py.backend.plda_em import fit_plda
from steps_py.backend.plda_io import write_plda
from steps_py.backend.projected_scorer import read_projected
from steps_py.errors import BackendError, ConfigError
from steps_py.formats.arrays import encode_matrix, encode_vector
from steps_py.model.model_file import write_model_file
from steps_py.stages.export_dplda import main as export
from tests.support.small_losses import build, groups

FORMS = ["quadratic", "covariances"]


def many(seed=3, num_speakers=40, num_utts=5, in_dim=4):
    rng = np.random.default_rng(seed)
    speaker_N = np.repeat(np.arange(num_speakers), num_utts)
    y = rng.normal(size=(num_speakers, in_dim)) * [3.0, 2.0, 1.0, 0.5][:in_dim]
    x = y[speaker_N] + rng.normal(size=(len(speaker_N), in_dim)) @ rng.normal(size=(in_dim, in_dim))
    return x + 5, speaker_N


def started(**fields):
    x, speaker = many()
    loss = build("dplda", in_dim=4, **fields).double()
    loss.start_from(torch.from_numpy(x), torch.from_numpy(speaker))
    return loss


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("lda_dim", [2, None])
def test_at_the_start_the_scores_are_those_of_generative_plda(form, batch_norm, lda_dim):
    """Every step of the back-end, one after the other, on vectors that it was not made from."""
    loss = started(form=form, batch_norm=batch_norm, lda_dim=lda_dim).eval()
    (x, speaker), (new, _) = many(), many(seed=8, num_speakers=4)

    def norm(v):
        return (v - x.mean(axis=0)) / np.sqrt(x.var(axis=0, ddof=1) + 1e-3) if batch_norm else v

    lda = Lda(dim=lda_dim or 4).fit(norm(x), speaker)

    def unit(v):
        v = lda.transform(norm(v))
        return math.sqrt(v.shape[1]) * v / np.linalg.norm(v, axis=1, keepdims=True)

    plda = fit_plda(unit(x), speaker)
    u = plda.transform(unit(new), normalize_length=False)
    wanted = plda.score(u, np.ones(len(u)), u)
    got = loss.scores(loss.vectors(torch.from_numpy(new)))
    np.testing.assert_allclose(got.detach().numpy(), wanted, atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_the_loss_is_the_weighted_cost_of_each_pair(form):
    """By a loop over ordered pairs: an utterance with itself is no trial."""
    loss = started(form=form, p_target=0.2, c_miss=3.0, c_fa=2.0, l2=0.3, l2_to="zero").eval()
    x, spk_id = groups(in_dim=4)
    x = x.double()
    score = loss.scores(loss.vectors(x))
    prior = 0.6 / (0.6 + 1.6)
    costs = {True: [], False: []}
    for i in range(15):
        for j in range(15):
            if i != j:
                same = bool(spk_id[i] == spk_id[j])
                away = score[i, j].item() + math.log(prior / (1 - prior))
                costs[same].append(math.log1p(math.exp(-away if same else away)))
    wanted = prior * np.mean(costs[True]) + (1 - prior) * np.mean(costs[False])
    wanted /= -prior * math.log(prior) - (1 - prior) * math.log(1 - prior)
    wanted += 0.15 * sum(p.square().sum().item() for p in loss.scores.parameters())
    assert loss(x, spk_id)[0].item() == pytest.approx(wanted, rel=1e-9)


def test_scores_of_0_cost_1():
    loss = build("dplda", in_dim=4)
    for parameter in loss.scores.parameters():
        parameter.data.zero_()
    assert loss(*groups())[0].item() == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_parameters_at_the_start_have_no_penalty_towards_it(form):
    batch = groups()
    free, bound = started(form=form).float(), started(form=form, l2=10.0).float()
    assert free(*batch)[0].item() == bound(*batch)[0].item()
    next(iter(bound.scores.parameters())).data += 0.5
    assert bound(*batch)[0].item() > free(*batch)[0].item() + 1


@pytest.mark.parametrize("form", FORMS)
def test_gradients_are_those_of_differences(form):
    loss = started(form=form, lda_dim=3, l2=0.1, l2_to="zero", p_target=0.2)
    x, spk_id = groups(in_dim=4)
    x = x.double().requires_grad_()
    loss(x, spk_id)[0].backward()
    rng = torch.Generator().manual_seed(1)
    for tensor in (x, *loss.parameters()):
        direction = torch.randn(tensor.shape, generator=rng, dtype=torch.float64)
        ends = []
        for sign in (1, -2):
            tensor.data += sign * 1e-6 * direction
            ends.append(loss(x, spk_id)[0].item())
        tensor.data += 1e-6 * direction
        slope = (ends[0] - ends[1]) / 2e-6
        assert (tensor.grad * direction).sum().item() == pytest.approx(slope, abs=1e-6)


def test_covariances_that_are_trained_stay_covariances():
    loss, (x, speaker) = started(form="covariances", batch_norm=False).float(), many()
    batch = torch.from_numpy(x[:60]).float(), torch.from_numpy(speaker[:60])
    for _ in range(20):
        loss.zero_grad()
        loss(*batch)[0].backward()
        for parameter in loss.parameters():
            parameter.data -= 0.5 * parameter.grad
    for covariance in loss.scores.covariances():
        assert torch.linalg.eigvalsh(covariance).min() > -1e-6


def test_a_started_loss_is_not_started_again():
    loss = build("dplda", in_dim=4)
    assert loss.needs_start
    assert not started().needs_start
    loss.load_state_dict(started().state_dict())
    assert not loss.needs_start


def write_back_end(folder, dim=3):
    """The files of the chain centre, lda, length_norm, plda on `many`; its scores of others."""
    (x, speaker), (new, _) = many(), many(seed=9, num_speakers=3)
    mean, lda = x.mean(axis=0), Lda(dim=dim).fit(x, speaker)

    def unit(v):
        v = (v - mean) @ lda.transform_LD.T + 0.1
        return math.sqrt(dim) * v / np.linalg.norm(v, axis=1, keepdims=True)

    plda = fit_plda(unit(x), speaker)
    (folder / "mean.vec").write_bytes(encode_vector(mean, True, "float64"))
    affine = np.concatenate([lda.transform_LD, np.full((dim, 1), 0.1)], axis=1)
    (folder / "transform.mat").write_bytes(encode_matrix(affine, True, "float64"))
    write_plda(folder / "plda", plda)
    u = plda.transform(unit(new), normalize_length=False)
    return new, plda.score(u, np.ones(len(u)), u)


def files_in(folder):
    names = {"mean": "mean.vec", "lda": "transform.mat", "plda": "plda"}
    return {key: str(folder / name) for key, name in names.items()}


def test_a_loss_starts_from_the_files_of_a_back_end(tmp_path):
    new, wanted = write_back_end(tmp_path)
    fields = {"lda_dim": 3, "batch_norm": False, "start_files": files_in(tmp_path)}
    loss = build("dplda", in_dim=4, **fields).double().eval()
    assert (loss.chunks_to_start, loss.needs_start) == (0, True)
    loss.start_from(torch.empty(0, 0), torch.empty(0))
    got = loss.scores(loss.vectors(torch.from_numpy(new)))
    np.testing.assert_allclose(got.detach().numpy(), wanted, atol=1e-6)
    other = build("dplda", in_dim=4, **fields | {"lda_dim": 2})
    with pytest.raises(ConfigError, match=r"transform.mat has the shape \(3, 4\), here \(2, 4\)"):
        other.start_from(torch.empty(0, 0), torch.empty(0))
    with pytest.raises(ConfigError, match="Set batch_norm to false"):
        build("dplda", in_dim=4, **fields | {"batch_norm": True})


def test_what_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match="lda_dim is 5, more than the 4 dimensions"):
        build("dplda", in_dim=4, lda_dim=5)
    loss = build("dplda", in_dim=4, start_chunks=3)
    with pytest.raises(ConfigError, match="start_chunks is 3: LDA: 3 x-vectors are too few"):
        loss.start_from(torch.randn(3, 4), torch.tensor([0, 0, 1]))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("is_part", [True, False])
def test_scoring_has_what_was_trained(form, batch_norm, is_part, tmp_path):
    """The scores of the loss in eval mode, after its parameters have changed."""
    own = {"name": "dplda", "form": form, "batch_norm": batch_norm, "lda_dim": 3}
    section = {"name": "weighted_sum", "metric": own} if is_part else own
    loss = build(in_dim=4, num_speakers=2, **section)
    dplda, (x, speaker) = loss.metric if is_part else loss, many()
    dplda.start_from(torch.from_numpy(x), torch.from_numpy(speaker))
    for parameter in dplda.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    saved = {"loss": loss.state_dict(), "config": section, "speakers": ["a", "b"]}
    write_model_file(tmp_path / "head.pt", "head", saved)
    export(["--head", str(tmp_path / "head.pt"), "--out", str(tmp_path / "dplda.npz")])
    scorer = read_projected(tmp_path / "dplda.npz")
    new, _ = many(seed=9, num_speakers=2)
    got = scorer.all_pairs(scorer.enroll(new), scorer.test(new))
    dplda = dplda.double().eval()
    wanted = dplda.scores(dplda.vectors(torch.from_numpy(new))).detach().numpy()
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    models = scorer.of_models()
    several = models.all_pairs(models.enroll(new, np.full(len(new), 3)), models.test(new))
    assert np.allclose(several, got) == (form == "quadratic")
    with pytest.raises(
        BackendError, match="have 5 dimensions, but the loss of the network reads 4"
    ):
        scorer.test(np.ones((1, 5)))


def test_a_head_of_another_loss_is_refused(tmp_path):
    path = tmp_path / "head.pt"
    section = {"name": "softmax"}
    state = build(**section).state_dict()
    write_model_file(path, "head", {"loss": state, "config": section, "speakers": None})
    with pytest.raises(ConfigError, match="loss 'softmax', which has no discriminative PLDA"):
        export(["--head", str(path), "--out", str(tmp_path / "dplda.npz")])
