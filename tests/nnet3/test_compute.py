"""nnet3 networks compute what they are defined to: see nnet3_oracle.py."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py.errors import KaldiError
from steps_py.nnet3.compute import Computer
from steps_py.nnet3.config_lines import parse_lines
from steps_py.nnet3.convolution import SpacedProduct
from steps_py.nnet3.network import Network
from tests.nnet3.nnet3_oracle import Oracle

DIM = 3


def network(text):
    lines = f"input-node name=input dim={DIM}\n{text}"
    built = Network.from_lines(parse_lines(lines, "test.config"), {}, "test.raw")
    rng = np.random.default_rng(1)
    for component in built.components.values():
        if component.type == "BatchNormComponent":
            component.count = 10.0
            component.stats_mean = rng.normal(size=component.dim).astype(np.float32)
            component.stats_var = rng.random(component.dim).astype(np.float32)
    return built


def affine(name, source, num_inputs, num_outputs, kind="NaturalGradientAffineComponent"):
    return (
        f"component name={name} type={kind} input-dim={num_inputs} output-dim={num_outputs}\n"
        f"component-node name={name} component={name} input={source}\n"
    )


def simple(name, source, kind, keys):
    return (
        f"component name={name} type={kind} {keys}\n"
        f"component-node name={name} component={name} input={source}\n"
    )


def stats(source, dim, extraction="", pooling="right-context=10000", stddevs="true"):
    return simple(
        "extract", source, "StatisticsExtractionComponent", f"input-dim={dim} {extraction}"
    ) + simple(
        "pool",
        "extract",
        "StatisticsPoolingComponent",
        f"input-dim={2 * dim + 1} left-context=0 {pooling} output-stddevs={stddevs}",
    )


def features(num_frames, seed=0):
    return np.random.default_rng(seed).normal(size=(num_frames, DIM)).astype(np.float32)


def agree(built, num_frames):
    """Compare with the oracle; True if the output can be computed at all."""
    x_TD = features(num_frames)
    want = Oracle(built, x_TD).value("output", 0)
    if want is None:
        with pytest.raises(KaldiError, match="too few"):
            Computer(built)(x_TD)
        return False
    np.testing.assert_allclose(Computer(built)(x_TD), want, rtol=2e-5, atol=2e-5)
    together_agrees(built, num_frames)
    return True


def together_agrees(built, num_frames):
    """Compare with the oracle what comes of several utterances at once."""
    utts = [features(count, seed=count) for count in (num_frames, num_frames + 5, num_frames)]
    want = [Oracle(built, x_TD).value("output", 0) for x_TD in utts]
    if all(vector is not None for vector in want):
        np.testing.assert_allclose(Computer(built).many(utts), want, rtol=2e-5, atol=2e-5)


XVECTOR = (
    affine("a1", "Append(Offset(input, -1), input, Offset(input, 1))", 9, 4)
    + simple("r1", "a1", "RectifiedLinearComponent", "dim=4")
    + simple("n1", "r1", "BatchNormComponent", "dim=4 target-rms=0.5")
    + affine("a2", "Append(Offset(n1, -2), n1, Offset(n1, 2))", 12, 5)
    + simple("r2", "a2", "RectifiedLinearComponent", "dim=5")
    + simple("n2", "r2", "BatchNormComponent", "dim=5")
    + stats("n2", 5)
    + affine("a3", "Round(pool, 1)", 10, 2)
    + "output-node name=output input=a3\n"
)


@pytest.mark.parametrize("num_frames", [1, 6, 7, 8, 30, 600, 2600])
def test_xvector_network_agrees_with_its_definition(num_frames):
    assert agree(network(XVECTOR), num_frames) == (num_frames >= 7)


def test_mean_and_deviation_by_hand():
    # (1, 2, 6): mean 3, variance (4 + 1 + 9) / 3 = 14/3
    built = network(stats("input", DIM) + "output-node name=output input=pool\n")
    x_TD = np.array([[1, 0, 5], [2, 0, 5], [6, 0, 5]], np.float32)
    want = [3, 0, 5, (14 / 3) ** 0.5, 1e-5, 1e-5]  # the variance floor is 1e-10
    np.testing.assert_allclose(Computer(built)(x_TD), want, rtol=1e-6)


def test_nearly_constant_frames_have_their_true_deviation():
    built = network(stats("input", DIM) + "output-node name=output input=pool\n")
    x_TD = np.full((2000, DIM), 100, np.float32)
    x_TD[::2] += 1 / 64
    np.testing.assert_allclose(Computer(built)(x_TD)[DIM:], 1 / 128, rtol=1e-4)


@pytest.mark.parametrize(
    "extraction, pooling, stddevs",
    [
        ("input-period=1 output-period=4", "input-period=4 right-context=16", "true"),
        ("input-period=2 output-period=4", "input-period=4 right-context=40", "true"),
        ("input-period=3 output-period=3", "input-period=3 right-context=9", "false"),
        ("", "input-period=5 right-context=20 num-log-count-features=2", "true"),
    ],
)
@pytest.mark.parametrize("num_frames", [1, 5, 23])
def test_periods_choose_the_same_frames(extraction, pooling, stddevs, num_frames):
    text = stats("input", DIM, extraction, pooling, stddevs)
    assert agree(network(text + "output-node name=output input=pool\n"), num_frames)


@pytest.mark.parametrize(
    "kind, keys",
    [
        ("RectifiedLinearComponent", "dim=3"),
        ("SigmoidComponent", "dim=3"),
        ("TanhComponent", "dim=3"),
        ("SoftmaxComponent", "dim=3"),
        ("LogSoftmaxComponent", "dim=3"),
        ("NormalizeComponent", "dim=3 target-rms=2.0"),
        ("BatchNormComponent", "dim=3"),
        ("NoOpComponent", "dim=3"),
        ("DropoutComponent", "dim=3 dropout-proportion=0.25"),
        ("GeneralDropoutComponent", "dim=3"),
        ("FixedScaleComponent", "dim=3 scale=4"),
        ("FixedBiasComponent", "dim=3"),
        ("AffineComponent", "input-dim=3 output-dim=2"),
        ("FixedAffineComponent", "input-dim=3 output-dim=2"),
        ("LinearComponent", "input-dim=3 output-dim=2"),
    ],
)
@pytest.mark.parametrize("reader", ["{}", "Scale(2, Sum({}, Offset({}, 1)))"])
def test_each_component_agrees_with_its_definition(kind, keys, reader):
    dim = 2 if "output-dim" in keys else 3
    text = simple("c", "input", kind, keys) + affine("a", reader.format("c", "c"), dim, 2)
    assert agree(network(text + "output-node name=output input=a\n"), 4)


def test_the_features_are_left_as_they_are():
    text = simple("r", "input", "RectifiedLinearComponent", "dim=3")
    x_TD = features(5)
    before = x_TD.copy()
    Computer(network(text + "output-node name=output input=r\n"))(x_TD)
    np.testing.assert_array_equal(x_TD, before)


def test_a_value_that_two_nodes_read_is_not_overwritten():
    text = affine("a", "input", 3, 3) + simple("r", "a", "RectifiedLinearComponent", "dim=3")
    assert agree(network(text + "output-node name=output input=Append(r, a)\n"), 3)


def test_part_of_a_node():
    text = "dim-range-node name=part input-node=input dim-offset=1 dim=2\n"
    assert agree(network(text + "output-node name=output input=Append(part, input)\n"), 1)


leaves = st.sampled_from(["input", "r", "n"])
terms = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds("Offset({}, {})".format, inner, st.integers(-3, 3)),
        st.builds("Round({}, {})".format, inner, st.integers(1, 3)),
        st.builds("ReplaceIndex({}, t, {})".format, inner, st.integers(0, 4)),
        st.builds("Sum({}, {})".format, inner, inner),
        st.builds("Failover({}, {})".format, inner, inner),
        st.builds("IfDefined({})".format, inner),
        st.builds("Sum({}, Scale(0.5, {}))".format, inner, leaves),
        st.builds("Sum({}, Const(0.5, 3))".format, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(first=terms, second=terms, num_frames=st.integers(1, 12))
def test_any_descriptor_agrees_with_its_definition(first, second, num_frames):
    text = (
        simple("r", "Offset(input, 1)", "RectifiedLinearComponent", "dim=3")
        + simple("n", "r", "BatchNormComponent", "dim=3")
        + affine("a", f"Append({first}, input, {second})", 9, 4)
        + stats("a", 4, pooling="right-context=6")
        + "output-node name=output input=Append(pool, a)\n"
    )
    try:
        built = network(text)
    except KaldiError as error:  # Offset and its like of a constant
        assert "no meaning" in str(error)
        return
    agree(built, num_frames)


def test_too_few_frames_and_wrong_features_are_refused():
    computer = Computer(network(XVECTOR))
    with pytest.raises(KaldiError, match=r"^6 frames are too few: the network needs 7\. Raise"):
        computer(features(6))
    with pytest.raises(KaldiError, match="2-dimensional features, but the network takes 3"):
        computer(features(9)[:, :2])


def test_what_cannot_be_computed_is_refused_by_name():
    for text, message in (
        (affine("a", "Offset(input, 0, 1)", 3, 1), "node 'a'.*offsets of x are not built in"),
        (affine("a", "Switch(input, Offset(input, 1))", 3, 1), "node 'a'.*Switch"),
        (affine("a", "Append(input, IfDefined(Offset(a, -1)))", 4, 1), "'a' depends on itself"),
    ):
        with pytest.raises(KaldiError, match=message):
            Computer(network(text + "output-node name=output input=a\n"))
    built = network("output-node name=other input=input\n")
    with pytest.raises(KaldiError, match="no output-node 'output'. Known: other"):
        Computer(built)


def test_a_context_beyond_all_bounds_costs_nothing():
    text = stats("input", DIM, pooling="right-context=2000000000")
    plan = Computer(network(text + "output-node name=output input=pool\n")).plan(50)
    assert plan.times["extract"] == range(50)


@pytest.mark.parametrize("offsets", [(-2, 0, 2), (0, 1, 2), (-9, -6, -3), (-3, 0, 4), (2, 0, -2)])
@pytest.mark.parametrize("num_frames", [80, 81, 85, 200])
def test_three_frames_at_once_agree_with_their_definition(offsets, num_frames):
    reads = ", ".join(f"Offset(input, {offset})" for offset in offsets)
    text = affine("a", f"Append({reads})", 9, 4) + stats("a", 4)
    assert agree(network(text + "output-node name=output input=Offset(pool, 9)\n"), num_frames)


def test_the_fast_product_is_as_exact_as_single_precision():
    rng = np.random.default_rng(3)
    x_TD, weight_IO = (rng.normal(size=s).astype(np.float32) for s in ((300, 64), (192, 32)))
    x_TD = np.maximum(x_TD, 0)
    rows = [x_TD[:-4], x_TD[2:-2], x_TD[4:]]
    want = np.concatenate(rows, axis=1).astype(np.float64) @ weight_IO
    found = SpacedProduct(weight_IO.T.copy(), 2)([x_TD])
    assert np.abs(found - want).max() < 2e-6 * np.abs(want).max()


@settings(max_examples=50, deadline=None)
@given(lengths=st.lists(st.integers(7, 90), min_size=1, max_size=8))
def test_utterances_at_once_agree_with_one_by_one(lengths):
    computer = Computer(network(XVECTOR))
    utts = [features(length, seed) for seed, length in enumerate(lengths)]
    want = [computer(x_TD) for x_TD in utts]
    np.testing.assert_allclose(computer.many(utts), want, rtol=2e-5, atol=2e-5)


def test_what_is_no_number_stays_in_its_utterance():
    computer = Computer(network(XVECTOR))
    utts = [features(length) for length in (70, 71, 72)]
    utts[1] = np.full_like(utts[1], np.nan)
    found = computer.many(utts)
    assert np.isnan(found[1]).all()
    np.testing.assert_allclose(found[::2], [computer(utts[0]), computer(utts[2])], rtol=2e-5)


def test_utterances_at_once_may_need_different_nodes():
    """The second is too short for the pooling, and falls back on the layer before."""
    text = affine("a", "input", 3, 6) + affine("b", "Append(a, Offset(a, 9))", 12, 3)
    text += stats("b", 3) + "output-node name=output input=Failover(pool, a)\n"
    built = network(text)
    utts = [features(12), features(4), features(9), features(10)]
    want = [Oracle(built, x_TD).value("output", 0) for x_TD in utts]
    np.testing.assert_allclose(Computer(built).many(utts), want, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("reader", ["r", "Scale(2, r)", "Sum(r, Offset(r, 1))", "IfDefined(r)"])
def test_every_reader_of_a_rectified_layer_gets_its_bias(reader):
    text = affine("a", "input", 3, 4) + simple("r", "a", "RectifiedLinearComponent", "dim=4")
    assert agree(network(text + f"output-node name=output input={reader}\n"), 3)


def test_frames_that_are_stored_with_gaps_are_found():
    """The pooling reads every third frame: rows of the layer before are three frames apart."""
    text = affine("b", "input", 3, 3)
    text += affine("a", "Append(Offset(b, -3), b, Offset(b, 3))", 9, 4)
    text += stats("a", 4, "input-period=3 output-period=3", "input-period=3 right-context=900")
    assert agree(network(text + "output-node name=output input=pool\n"), 300)
