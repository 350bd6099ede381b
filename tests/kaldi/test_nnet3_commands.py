"""nnet3-copy, nnet3-info and nnet3-xvector-compute as commands; conversion of networks."""

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from steps_py.errors import ConfigError
from steps_py.feats.config import CmvnConfig
from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.tables import SequentialReader, TableWriter, read_object
from steps_py.kaldi import nnet3_commands
from steps_py.kaldi.commands import main
from steps_py.kaldi.nnet3_commands import network_holder
from steps_py.model.build import build_model
from steps_py.model.config import ModelConfig
from steps_py.model.extractor import Extractor, load_extractor, save_extractor
from steps_py.nnet3 import convert
from steps_py.nnet3.compute import Computer
from steps_py.nnet3.config_lines import parse_lines
from steps_py.nnet3.edits import edit
from steps_py.nnet3.info import describe, summarize
from steps_py.nnet3.network_file import NNET

ROOT = Path(__file__).resolve().parents[2]
INPUTS = ROOT / "tests/golden/kaldi/inputs"
RAW, EXTRACT = str(INPUTS / "xvector.raw"), str(INPUTS / "xvector_extract.raw")


def copied(tmp_path, *options):
    path = str(tmp_path / "copied.raw")
    assert main(["nnet3-copy", *options, RAW, path]) == 0
    return read_object(path, NNET)


def features(num_frames, seed=0):
    return np.random.default_rng(seed).normal(size=(num_frames, 30)).astype(np.float32)


def extract(tmp_path, feats, *options):
    with TableWriter(f"ark:{tmp_path}/feats.ark", FLOAT_MATRIX) as writer:
        for utt, x_TD in feats.items():
            writer.write(utt, x_TD)
    names = [EXTRACT, f"ark:{tmp_path}/feats.ark", f"ark:{tmp_path}/x.ark"]
    code = main(["nnet3-xvector-compute", *options, *names])
    with SequentialReader(names[2], FLOAT_VECTOR) as reader:
        return code, dict(reader)


def test_copy_sets_learning_rates_and_scales(tmp_path):
    network = copied(tmp_path, "--learning-rate=0.25", "--scale=2")
    before = read_object(RAW, NNET).components["tdnn1.affine"]
    after = network.components["tdnn1.affine"]
    assert after.learning_rate == 0.25
    np.testing.assert_array_equal(after.linear_params, 2 * before.linear_params)
    assert network.components["tdnn1.batchnorm"].count == 2000


def test_copy_makes_the_extractor_of_the_recipes(tmp_path):
    config = INPUTS / "extract.config"
    network = copied(tmp_path, f"--nnet-config={config}", "--edits=remove-orphans")
    assert network.lines()[-1] == "output-node name=output input=tdnn6.affine objective=linear"
    assert list(network.components)[-1] == "tdnn6.affine"
    x_TD = features(40)
    want = Computer(read_object(EXTRACT, NNET))(x_TD)  # Kaldi's copy, with its rounding
    np.testing.assert_allclose(Computer(network)(x_TD), want, atol=1e-5)


def test_copy_renames_and_removes_outputs(tmp_path):
    edits = "rename-node old-name=output new-name=posteriors; set-learning-rate name=tdnn1* "
    network = copied(
        tmp_path, f"--edits={edits} learning-rate=0.5; convert-to-fixed-affine name=out*"
    )
    assert network.outputs() == ["posteriors"]
    rates = [c.learning_rate for c in network.components.values() if c.updatable]
    assert rates == [0.5] + [pytest.approx(0.001)] * 6
    assert network.components["output.affine"].type == "FixedAffineComponent"


def test_preparing_for_the_test_changes_no_output(tmp_path):
    network = copied(tmp_path, "--prepare-for-test=true")
    assert network.components["tdnn1.batchnorm"].test_mode
    want = Computer(read_object(RAW, NNET))(features(40))
    np.testing.assert_array_equal(Computer(network)(features(40)), want)


@pytest.mark.parametrize(
    "line, message",
    [
        ("apply-svd name=* bottleneck-dim=3", "'apply-svd' is no edit that is built in"),
        ("rename-node old-name=outptu new-name=b", "no node is called 'outptu'. Did you mean"),
        ("remove-output-nodes name=*", "all outputs would be removed"),
        ("set-learning-rate", "'learning-rate' is missing"),
    ],
)
def test_a_wrong_edit_is_refused(line, message):
    with pytest.raises(Exception, match=message):
        edit(read_object(RAW, NNET), parse_lines(line, "--edits"))


def test_info_has_the_lines_of_kaldi():
    lines = describe(read_object(RAW, NNET)).splitlines()
    assert lines[:4] == [
        "left-context: 0",
        "right-context: 7",
        "num-parameters: 12706",
        "modulus: 1",
    ]
    assert lines[6].endswith("component=tdnn1.relu input=tdnn1.affine input-dim=24 output-dim=24")
    norm = next(line for line in lines if line.startswith("component name=tdnn1.batchnorm "))
    assert norm.startswith(
        "component name=tdnn1.batchnorm type=BatchNormComponent, dim=24, block-dim=24,"
        " epsilon=0.001, target-rms=1, count=1000, test-mode=false, data-mean=[percentiles("
        "0,1,2,5 10,20,50,80,90 95,98,99,100)=("
    )


def test_percentiles_by_hand():
    # of 0, 1 .. 100 the percentile p is p; the standard deviation is sqrt((101^2 - 1) / 12)
    assert summarize(np.arange(101.0)) == (
        "[percentiles(0,1,2,5 10,20,50,80,90 95,98,99,100)=(0,1.0,2.0,5.0 10,20,50,80,90"
        " 95,98,99,100), mean=50, stddev=29.2]"
    )


def test_chunks_are_weighted_by_length(tmp_path):
    x_TD = features(70)
    code, found = extract(tmp_path, {"u": x_TD}, "--chunk-size=30", "--min-chunk-size=15")
    computer = Computer(read_object(EXTRACT, NNET))
    last = np.pad(x_TD[60:], ((2, 3), (0, 0)), mode="edge")  # 10 frames become 15
    want = (30 * computer(x_TD[:30]) + 30 * computer(x_TD[30:60]) + 10 * computer(last)) / 70
    np.testing.assert_allclose(found["u"], want, rtol=1e-5, atol=1e-5)
    code, found = extract(
        tmp_path, {"u": x_TD}, "--chunk-size=30", "--min-chunk-size=15", "--pad-input=false"
    )
    want = (computer(x_TD[:30]) + computer(x_TD[30:60])) / 2  # without the short chunk
    np.testing.assert_allclose(found["u"], want, rtol=1e-5, atol=1e-5)
    assert code == 0


def test_utterances_go_in_batches_of_bounded_length(tmp_path, monkeypatch):
    batches = []
    many = Computer.many

    def spied(computer, utts):
        batches.append([len(x_TD) for x_TD in utts])
        return many(computer, utts)

    monkeypatch.setattr(Computer, "many", spied)
    monkeypatch.setattr(nnet3_commands, "_BATCH_FRAMES", 100)
    feats = {"a": features(50, 1), "b": features(40, 2), "c": features(130, 3), "d": features(9, 4)}
    code, found = extract(tmp_path, feats, "--chunk-size=60", "--min-chunk-size=15")
    assert code == 0 and list(found) == list(feats)
    assert batches == [[50, 40], [60], [60, 15, 15]]  # c is 60 + 60 + 10, d 9 frames
    computer = Computer(read_object(EXTRACT, NNET))
    np.testing.assert_allclose(found["b"], computer(feats["b"]), rtol=1e-5, atol=1e-5)
    chunks = [feats["c"][:60], feats["c"][60:120]]
    chunks.append(np.pad(feats["c"][120:], ((2, 3), (0, 0)), mode="edge"))
    want = np.average([computer(x_TD) for x_TD in chunks], axis=0, weights=[60, 60, 10])
    np.testing.assert_allclose(found["c"], want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "bad, said",
    [
        (FLOAT_MATRIX.encode(features(50)[:, :7], True), b"bad: 7-dimensional features, but"),
        (FLOAT_MATRIX.encode(features(50), True)[:-1], b"key bad.* The file is truncated"),
    ],
)
def test_what_comes_before_a_bad_utterance_is_written(tmp_path, capfdbinary, bad, said):
    feats = {"a": features(50, 1), "b": features(40, 2)}
    with TableWriter(f"ark:{tmp_path}/feats.ark", FLOAT_MATRIX) as writer:
        for utt, x_TD in feats.items():
            writer.write(utt, x_TD)
    with open(tmp_path / "feats.ark", "ab") as out:
        out.write(b"bad " + bad)
    pipe = f"ark:cat {tmp_path}/feats.ark |"
    assert main(["nnet3-xvector-compute", EXTRACT, pipe, "ark:-"]) == 255
    written, messages = capfdbinary.readouterr()
    assert re.search(said, messages)
    (tmp_path / "x.ark").write_bytes(written)
    with SequentialReader(f"ark:{tmp_path}/x.ark", FLOAT_VECTOR) as reader:
        assert [utt for utt, _ in reader] == ["a", "b"]


def test_short_and_empty_utterances_are_counted(tmp_path, capfd):
    feats = {"a": features(50), "b": features(20), "c": np.zeros((0, 0), np.float32)}
    options = ["--min-chunk-size=25", "--pad-input=false"]
    code, found = extract(tmp_path, feats, *options, "--chunk-size=100")
    messages = capfd.readouterr().err
    assert (code, list(found)) == (0, ["a"])
    assert "Done 1 utterances, failed for 2" in messages
    assert "Zero-length utterance" in messages and "Chunk size of 100 is greater" in messages
    assert extract(tmp_path, feats, *options, "--strict=true")[0] == 1


def test_impossible_options_and_features_are_refused(tmp_path, capfd):
    assert (
        main(["nnet3-xvector-compute", "--chunk-size=0", EXTRACT, "ark:/dev/null", "ark:-"]) == 255
    )
    assert "--chunk-size=0: expected -1" in capfd.readouterr().err
    with TableWriter(f"ark:{tmp_path}/feats.ark", FLOAT_MATRIX) as writer:
        writer.write("utt7", features(50)[:, :7])
    names = [EXTRACT, f"ark:{tmp_path}/feats.ark", f"ark:{tmp_path}/x.ark"]
    assert main(["nnet3-xvector-compute", *names]) == 255
    assert "utt7: 7-dimensional features, but the network takes 30." in capfd.readouterr().err


def test_commands_start_without_torch():
    code = "import sys, steps_py.nnet3.compute, steps_py.nnet3.network_file; "
    code += "print([m for m in ('torch', 'scipy', 'pandas') if m in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [os.sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.stdout == "[]\n"


def our_xvector(extractor, x_TD):
    with torch.inference_mode():
        return extractor.model(torch.from_numpy(x_TD)[None])[0].numpy()


def test_a_kaldi_network_becomes_a_checkpoint_with_the_same_xvectors(tmp_path):
    convert.main(["to-checkpoint", RAW, str(tmp_path / "final.pt"), "--cmn-window", "150"])
    extractor = load_extractor(tmp_path / "final.pt")
    assert extractor.cmvn == CmvnConfig(window_frames=150, norm_vars=False)
    computer = Computer(read_object(EXTRACT, NNET))
    for num_frames in (15, 200):
        x_TD = features(num_frames)
        np.testing.assert_allclose(our_xvector(extractor, x_TD), computer(x_TD), atol=1e-4)


@pytest.mark.parametrize("binary", [True, False])
def test_a_checkpoint_becomes_a_kaldi_network_with_the_same_xvectors(tmp_path, binary):
    torch.manual_seed(1)
    encoder = {"name": "tdnn", "hidden_dim": 6, "out_dim": 9}
    encoder |= {"kernel_sizes": [4, 3, 1], "dilations": [2, 3, 1]}
    config = ModelConfig(encoder=encoder, embedding_dim=5, pooling={"name": "stats"})
    model = build_model(config, feat_dim=30)
    model(torch.randn(8, 50, 30))  # batch norms gather statistics
    extractor = Extractor(model=model.eval(), config=config, feat_dim=30, cmvn=CmvnConfig())
    save_extractor(tmp_path / "final.pt", extractor)
    options = [] if binary else ["--text"]
    convert.main(["to-nnet3", str(tmp_path / "final.pt"), str(tmp_path / "x.raw"), *options])
    network = read_object(str(tmp_path / "x.raw"), NNET)
    x_TD = features(60)
    np.testing.assert_allclose(Computer(network)(x_TD), our_xvector(extractor, x_TD), atol=1e-4)


@pytest.mark.parametrize(
    "section, said",
    [
        ({"encoder": {"name": "e_tdnn"}}, "encoder 'e_tdnn' and pooling 'stats': only 'tdnn'"),
        ({"front_ends": ["deltas"]}, "front-ends cannot be written as a Kaldi network"),
        ({"pooling_norm": True}, "pooling_norm and embedding_norm cannot be written"),
    ],
)
def test_a_network_that_kaldi_does_not_have_is_refused(section, said):
    whole = {"encoder": {"name": "tdnn"}, "pooling": {"name": "stats"}, "embedding_dim": 8}
    config = ModelConfig(**whole | section)
    with torch.device("meta"):
        model = build_model(config, feat_dim=30)
    extractor = Extractor(model=model, config=config, feat_dim=30, cmvn=CmvnConfig())
    with pytest.raises(ConfigError, match=said):
        convert.parts_of_extractor(extractor)


def test_other_norms_become_ours():
    network = read_object(RAW, NNET)
    network.components["tdnn2.batchnorm"].epsilon = 0.1
    network.components["tdnn3.batchnorm"].target_rms = 0.5
    x_TD = features(60)
    extract_lines = parse_lines((INPUTS / "extract.config").read_text(), "c")
    network.configure(extract_lines)
    want = Computer(network)(x_TD)
    found = convert.extractor_of_parts(convert.parts_of_network(network), CmvnConfig())
    np.testing.assert_allclose(our_xvector(found, x_TD), want, atol=1e-4)


def test_an_unusual_network_is_refused_by_its_node():
    network = read_object(RAW, NNET)
    line = "component-node name=tdnn3.affine component=tdnn3.affine input=Append(tdnn2.batchnorm,"
    line += " Round(tdnn2.batchnorm, 2), tdnn2.batchnorm)"
    network.configure(parse_lines(line, "c"))
    with pytest.raises(ConfigError, match="node 'tdnn3.affine' reads 'Round.*cannot be converted"):
        convert.parts_of_network(network)
    layer = convert.parts_of_network(read_object(RAW, NNET)).layers[0]
    uneven = convert.Layer((-1, 0, 3), layer.weight_OI, layer.bias_O, layer.mean_O, layer.var_O)
    parts = convert.XvectorParts((uneven,), 1e-10, np.ones((2, 48)), np.ones(2))
    with pytest.raises(ConfigError, match="not evenly spaced"):
        convert.extractor_of_parts(parts, CmvnConfig())


def test_a_pipe_of_nnet3_copy_is_evaluated_without_a_process(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    config = INPUTS / "extract.config"
    holder = network_holder()
    network = read_object(f"nnet3-copy --nnet-config={config} {RAW} - |", holder)
    assert network.lines()[-1] == "output-node name=output input=tdnn6.affine objective=linear"
    for other in (f"nnet3-copy --no-such=1 {RAW} -", f"nnet3-copy {RAW} - ; true", f"cat {RAW}"):
        assert holder.evaluate(other) is None
    assert NNET.evaluate(f"nnet3-copy {RAW} -") is None  # it is the commands that know it
