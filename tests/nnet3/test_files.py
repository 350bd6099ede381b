"""Raw nnet3 models on file: those of the real Kaldi, old ones, damaged ones."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py.errors import KaldiError, StepsError, TableError
from steps_py.formats.streams import Input
from steps_py.formats.tables import read_object, write_object
from steps_py.nnet3.config_lines import ConfigLine, parse_lines
from steps_py.nnet3.descriptors import parse
from steps_py.nnet3.network import Network
from steps_py.nnet3.network_file import NNET

INPUTS = Path(__file__).parents[1] / "golden/kaldi/inputs"
RAW = (INPUTS / "xvector.raw").read_bytes()
SMALL = (
    "<Nnet3> \ninput-node name=input dim=2\n"
    "component-node name=a component=a input=input\noutput-node name=output input=a\n\n"
    "<NumComponents> 1 \n<ComponentName> a {} </Nnet3> "
)


def decode(data):
    return NNET.read(Input(io.BytesIO(data), "test.raw"))


def small(component):
    return decode(SMALL.format(component).encode())


@pytest.mark.parametrize("name", ["xvector.raw", "xvector_extract.raw"])
def test_what_kaldi_wrote_is_written_again_byte_by_byte(name):
    data = (INPUTS / name).read_bytes()
    assert NNET.encode(decode(data), binary=True) == data


def test_text_and_binary_hold_the_same_network(tmp_path):
    network = decode(RAW)
    write_object(str(tmp_path / "text"), NNET, network, binary=False)
    again = read_object(str(tmp_path / "text"), NNET)
    assert again.lines() == network.lines()
    for name, component in network.components.items():
        for field in component.fields:
            if not field.legacy:
                have, want = (
                    getattr(again.components[name], field.name),
                    getattr(component, field.name),
                )
                np.testing.assert_allclose(
                    *(x if x is not None else -1 for x in (have, want)), rtol=1e-6, atol=1e-9
                )


def test_the_graph_of_text_is_that_of_kaldi():
    theirs = (INPUTS / "xvector_raw.txt").read_text().split("\n\n")[0]
    ours = NNET.encode(decode(RAW), binary=False).decode().split("\n\n")[0]
    assert ours == theirs


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, len(RAW) - 1), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_file_gives_a_message_or_a_network(at, byte, cut):
    data = RAW[:at] if cut else RAW[:at] + bytes([byte]) + RAW[at + 1 :]
    try:
        assert isinstance(decode(data), Network)
        assert not cut or at >= len(RAW) - 1
    except (TableError, KaldiError) as error:
        assert "\n" not in str(error)


def test_a_matrix_larger_than_its_file_is_not_allocated(tmp_path):
    head = RAW.index(b"<LinearParams> FM ") + len(b"<LinearParams> FM ")
    path = tmp_path / "huge.raw"
    path.write_bytes(RAW[:head] + struct.pack("<bibi", 4, 2**30, 4, 2**30) + RAW[head + 10 :])
    message = r"a 1073741824 x 1073741824 matrix would take .* \(component tdnn1\.affine\)"
    with pytest.raises(TableError, match=message):
        read_object(str(path), NNET)


@pytest.mark.parametrize(
    "component, message",
    [
        ("<PnormComponent> <Dim> 2 ", "type 'PnormComponent' is not built in. .*Known: Affine"),
        ("<NoOpComponent> <Dim> 3 </NoOpComponent> ", "'input' has 2 dimensions.*'a' takes 3"),
        ("<NoOpComponent> <Dim> 0 </NoOpComponent> ", "component a: its dimension is not positive"),
        ("<NoOpComponent> <Dim> x </NoOpComponent> ", "component a: 'x' where an integer belongs"),
        ("<NoOpComponent> <Size> 2 </NoOpComponent> ", "'<Size>' where <Dim> belongs"),
        (
            "<FixedAffineComponent> <LinearParams>  [ 1 2 ]\n <BiasParams>  [ 1 2 ]\n "
            "</FixedAffineComponent> ",
            "its matrix is 1 x 2, its bias 2 long",
        ),
    ],
)
def test_a_wrong_component_is_named(component, message):
    with pytest.raises(StepsError, match=message):
        small(component)


def test_old_forms_of_components_are_read():
    old = (
        "<NoOpComponent> <NoOpComponent> <Dim> 2 <ValueAvg>  [ ]\n<DerivAvg>  [ ]\n<Count> 3 "
        "</NoOpComponent> "
    )
    assert small(old).components["a"].dim == 2
    old = (
        "<NaturalGradientAffineComponent> <LearningRate> 0.5 <LinearParams>  [ 1 2 ]\n"
        "<BiasParams>  [ 3 ]\n<RankIn> 1 <RankOut> 1 <UpdatePeriod> 4 <NumSamplesHistory> 2000 "
        "<Alpha> 4 <MaxChangePerSample> 0.1 <IsGradient> F <NaturalGradientAffineComponent> "
    )
    network = small(old)
    assert network.components["a"].learning_rate == 0.5
    assert b"MaxChangePerSample" not in NNET.encode(network, binary=False)
    old = "<NormalizeComponent> <Dim> 2 <TargetRms> 0.5 </NormalizeComponent> "
    assert small(old).components["a"].target_rms == 0.5


def test_no_network_at_all():
    for data, message in (
        (b"<TransitionModel> ", "nnet3-am-copy --raw=true"),
        (b"utt1 [ 1 2 ]\n", "'utt1' where <Nnet3> belongs"),
        (b"", "'' where <Nnet3> belongs"),
        (b"<Nnet3> \ninput-node name=input dim=2\n", "within the lines of its graph"),
    ):
        with pytest.raises(TableError, match=message):
            decode(data)


@pytest.mark.parametrize(
    "text, normal",
    [
        ("Append(a, Append(b, Offset(a,-2)))", "Append(a, b, Offset(a, -2))"),
        ("Offset(Offset(a, 1), -1)", "a"),
        ("Offset(Append(a, b), 3)", "Append(Offset(a, 3), Offset(b, 3))"),
        ("Offset(Sum(a, b), 3)", "Sum(Offset(a, 3), Offset(b, 3))"),
        ("Sum(a, b, a)", "Sum(a, Sum(b, a))"),
        ("Scale(2, Scale(3, Offset(a, 1)))", "Offset(Scale(6, a), 1)"),
        ("Round(IfDefined(a), 3)", "IfDefined(Round(a, 3))"),
        ("Failover(a, Const(0.5, 3))", "Failover(a, Const(0.5, 3))"),
        ("ReplaceIndex(a, t, 0)", "ReplaceIndex(a, t, 0)"),
        ("Offset(a, 1, 2)", "Offset(a, 1, 2)"),
    ],
)
def test_descriptors_have_a_normal_form(text, normal):
    assert str(parse(text, ["a", "b"])) == normal
    assert str(parse(normal, ["a", "b"])) == normal


@pytest.mark.parametrize(
    "text, message",
    [
        ("Apend(a, b)", "unknown term 'Apend'. Did you mean 'Append'?"),
        ("c", "'c' is no node"),
        ("Offset(a)", "expected ',', found '\\)'"),
        ("Offset(a, x)", "'x' is no integer"),
        ("Append(a, b", "it ends too early"),
        ("a b", "'b' follows its end"),
        ("Round(a, 0)", "must be 1 or more"),
        ("Sum(Append(a, b), a)", "append different numbers of parts"),
        ("Offset(Const(1, 2), 1)", "has no meaning"),
        ("Offset(" * 3000 + "a", "nested deeper"),
    ],
)
def test_a_wrong_descriptor_is_refused(text, message):
    with pytest.raises(KaldiError, match=message):
        parse(text, ["a", "b"])


def test_values_of_config_lines_may_have_spaces_and_quotes():
    line = ConfigLine("component-node name=a input=Append(b, c) matrix='x y |' t=1.5 ok=true")
    assert line.take("input") == "Append(b, c)"
    assert line.take("matrix") == "x y |"
    assert (line.take("t", float), line.take("ok", bool), line.take("no", int, 7)) == (1.5, True, 7)


def test_a_config_may_replace_nodes_and_add_components():
    network = decode(RAW)
    lines = "component name=half type=FixedScaleComponent dim=32 scale=0.5\n"
    lines += "component-node name=half component=half input=tdnn6.affine # a comment\n\n"
    network.configure(parse_lines(lines + "output-node name=output input=half", "x.config"))
    assert network.lines()[-1] == "output-node name=output input=half objective=linear"
    assert network.dim("output") == 32 and len(network.outputs()) == 1


@pytest.mark.parametrize(
    "line, message",
    [
        ("output-node name=output input=tdnn9.affine", "x.config:1: .*'tdnn9.affine' is no node"),
        ("output-node name=output", "'input' is missing"),
        ("outputnode name=output input=input", "'outputnode' begins no line. Did you mean"),
        ("component-node name=x component=y input=input", "no component is called 'y'"),
        ("output-node name=output input=input dim=3", "'dim' is not understood here"),
        ("component name=x type=NoOpComponent", "'dim' is missing"),
        ("component name=x type=AffineComponent input-dim=2000000000 output-dim=9", "no possible"),
        ("dim-range-node name=d input-node=input dim=9 dim-offset=30", "dimensions 30 to 39 of 30"),
    ],
)
def test_a_wrong_config_line_is_refused(line, message):
    with pytest.raises(KaldiError, match=message):
        decode(RAW).configure(parse_lines(line, "x.config"))


def test_random_parameters_are_the_same_each_time():
    lines = "input-node name=input dim=4\ncomponent name=a type=AffineComponent input-dim=4"
    lines += " output-dim=500 param-stddev=2 bias-stddev=0 bias-mean=1\n"
    lines += "component-node name=a component=a input=input\noutput-node name=output input=a"
    first, second = (Network.from_lines(parse_lines(lines, "c"), {}) for _ in range(2))
    assert NNET.encode(first, True) == NNET.encode(second, True)
    assert 1.8 < first.components["a"].linear_params.std() < 2.2
    assert (first.components["a"].bias_params == 1).all()
