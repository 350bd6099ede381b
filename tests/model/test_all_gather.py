"""Two processes with half a batch each train like one process with the whole batch."""

import multiprocessing
import os

import pytest
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from steps_py.model import losses  # noqa: F401 - registers
from steps_py.model.all_gather import gather_embeddings, gather_labels
from steps_py.model.build import build_model
from steps_py.model.config import ModelConfig
from steps_py.model.layers.norm import MaskedBatchNorm, synchronize_norms
from steps_py.model.loss import MetricLoss
from steps_py.model.registries import ENCODERS, LOSSES
from tests.support.tiny_parts import tiny

NUM_PROCESSES = 2
NUM_FEATURES = 8  # enough for an encoder that halves the bins twice
METRIC = [name for name in LOSSES.names() if issubclass(LOSSES.find(name), MetricLoss)]
SPK_ID_A = torch.tensor([0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4])  # speaker 2 is in both halves


def draw_batch():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(len(SPK_ID_A), 5, generator=generator)


class Network(nn.Module):
    """One affine and a loss, whose norms are in eval mode: their statistics are local."""

    def __init__(self, name):
        super().__init__()
        torch.manual_seed(2)
        self.affine = nn.Linear(5, 4)
        self.loss = LOSSES.build({"name": name}, in_dim=4, num_speakers=5)
        for module in self.loss.modules():
            if isinstance(module, MaskedBatchNorm):
                module.eval()

    def forward(self, x_BD, spk_id_B):
        return self.loss(self.affine(x_BD), spk_id_B)[0]


class WholeNetwork(nn.Module):
    """Encoder, pooling, embedding and Kaldi's head, all with their batch norms."""

    def __init__(self, name):
        super().__init__()
        torch.manual_seed(2)
        config = ModelConfig(
            encoder=tiny(ENCODERS, name),
            embedding_dim=8,
            pooling_norm=True,
            embedding_norm=True,
            pooling={"name": "stats"},
        )
        self.model = build_model(config, feat_dim=NUM_FEATURES)
        self.loss = LOSSES.build(tiny(LOSSES, "softmax"), in_dim=8, num_speakers=5)

    def forward(self, x_BTD, num_frames_B, spk_id_B):
        return self.loss(self.model(x_BTD, num_frames_B), spk_id_B)[0]


def padded_batch(rows):
    """Utterances of 25 to 36 frames: the two halves differ in their number of frames."""
    generator = torch.Generator().manual_seed(3)
    x_BTD = torch.randn(len(SPK_ID_A), 36, NUM_FEATURES, generator=generator)
    return x_BTD[rows], torch.arange(25, 37)[rows], SPK_ID_A[rows]


def value_and_gradients(network, *batch):
    value = network(*batch)
    value.backward()
    # DistributedDataParallel calls its network "module"
    named = {n.removeprefix("module."): p.grad for n, p in network.named_parameters()}
    return value.detach(), {name: grad for name, grad in named.items() if grad is not None}


def train_in_half(rank, folder):
    """What one of the processes does: each loss for a step, and the gathering itself."""
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", f"file://{folder}/rendezvous", rank=rank, world_size=NUM_PROCESSES
    )
    mine = slice(rank * 6, rank * 6 + 6)
    x_BD, spk_id_B = draw_batch()[mine], SPK_ID_A[mine]
    results = {"embeddings": gather_embeddings(x_BD), "labels": gather_labels(spk_id_B)}
    for name in LOSSES.names():
        network = DistributedDataParallel(Network(name))
        results[name] = value_and_gradients(network, x_BD, spk_id_B)
    with torch.no_grad():  # a validation may be one process's alone
        results["validation"] = {
            name: Network(name).eval()(x_BD, spk_id_B).item() for name in METRIC if rank == 0
        }
    for name in ENCODERS.names():
        network = DistributedDataParallel(WholeNetwork(name))
        synchronize_norms(network)
        results[name] = value_and_gradients(network, *padded_batch(mine))
        results[name] += (dict(network.module.named_buffers()),)
    torch.save(results, f"{folder}/{rank}.pt")
    distributed.barrier()
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What each process came to."""
    folder = tmp_path_factory.mktemp("processes")
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=train_in_half, args=(rank, folder)) for rank in range(NUM_PROCESSES)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * NUM_PROCESSES
    return [torch.load(folder / f"{rank}.pt") for rank in range(NUM_PROCESSES)]


def test_every_process_gathers_the_embeddings_and_speakers_of_all(results):
    for result in results:
        assert torch.equal(result["embeddings"], draw_batch())
        assert torch.equal(result["labels"], SPK_ID_A)


@pytest.mark.parametrize("name", LOSSES.names())
def test_the_averaged_gradient_equals_that_of_one_process(results, name):
    value, expected = value_and_gradients(Network(name), draw_batch(), SPK_ID_A)
    values = torch.stack([result[name][0] for result in results])
    assert values.mean().item() == pytest.approx(value.item(), rel=1e-5)
    assert "affine.weight" in expected
    for result in results:
        assert_close(result[name][1], expected)


def assert_close(got, expected):
    assert got.keys() == expected.keys()
    for name, x in got.items():  # a bias before a batch norm has no gradient but noise of 1e-6
        scale = expected[name].abs().max().clamp(min=1e-2)
        assert (x - expected[name]).abs().max() < 1e-3 * scale, name


@pytest.mark.parametrize("name", ENCODERS.names())
def test_with_synchronized_norms_training_equals_that_of_one_process(results, name):
    network = WholeNetwork(name)
    value, expected = value_and_gradients(network, *padded_batch(slice(None)))
    values = torch.stack([result[name][0] for result in results])
    assert values.mean().item() == pytest.approx(value.item(), rel=1e-4)
    for result in results:
        _, gradients, buffers = result[name]
        assert_close(gradients, expected)
        assert_close(buffers, dict(network.named_buffers()))


@pytest.mark.parametrize("name", METRIC)
def test_a_metric_loss_has_the_same_value_in_every_process(results, name):
    first, second = (result[name][0] for result in results)
    assert first.item() == second.item()


@pytest.mark.parametrize("name", METRIC)
def test_in_eval_mode_a_process_compares_its_own_batch(results, name):
    alone = Network(name).eval()(draw_batch()[:6], SPK_ID_A[:6]).item()
    assert results[0]["validation"][name] == pytest.approx(alone, rel=1e-6)


def test_gathering_in_a_single_process_is_the_identity():
    embedding_BE = torch.randn(3, 2)
    assert gather_embeddings(embedding_BE) is embedding_BE
    assert gather_labels(SPK_ID_A) is SPK_ID_A
