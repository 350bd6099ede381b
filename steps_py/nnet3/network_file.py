"""Raw nnet3 models, binary and text: the graph, then the components.

Source: src/nnet3/nnet-nnet.cc, Nnet::Read and Nnet::Write.  NNET is a holder, as those in
steps_py/formats/holders.py.
"""

from typing import TYPE_CHECKING

from steps_py.errors import did_you_mean
from steps_py.formats.basic_types import MARKER, read_marker
from steps_py.formats.holders import Holder
from steps_py.nnet3.components import COMPONENTS
from steps_py.nnet3.config_lines import is_name, parse_lines
from steps_py.nnet3.fields import FieldReader, FieldWriter
from steps_py.nnet3.network import Network

if TYPE_CHECKING:
    from steps_py.formats.streams import Input

_MOST_COMPONENTS = 100_000


class NetworkHolder(Holder):
    """A Network.

    `evaluate_pipe(command)`, if given, is the network that a command would write, or None where
    a shell has to run it.
    """

    alone = True

    def __init__(self, evaluate_pipe=None):
        self._evaluate_pipe = evaluate_pipe

    def read(self, stream: "Input", span=None) -> Network:
        if span is not None:
            stream.fail(f"a range [{span}], but a network has none. Leave the range out.")
        reader = FieldReader(stream, read_marker(stream))
        first = stream.word("<Nnet3>", limit=4096)
        if first == b"<TransitionModel>":
            stream.fail("an acoustic model. Make it a raw one: nnet3-am-copy --raw=true")
        if first != b"<Nnet3>":
            found = first[:20].decode(errors="replace")
            stream.fail(f"'{found}' where <Nnet3> belongs. Is it a raw nnet3 model?")
        config = _read_graph(stream)
        components = _read_components(reader)
        return Network.from_lines(parse_lines(config, stream.name), components, stream.name)

    def evaluate(self, command: str):
        return self._evaluate_pipe and self._evaluate_pipe(command)

    def encode(self, value: Network, binary: bool) -> bytes:
        writer = FieldWriter(binary)
        end = b"" if binary else b"\n"
        writer.raw(MARKER if binary else b"")
        writer.raw(b"<Nnet3> \n")
        writer.raw("".join(f"{line}\n" for line in value.lines()).encode() + b"\n")
        writer.token("<NumComponents>")
        writer.value("int", len(value.components))
        writer.raw(end)
        for name, component in value.components.items():
            writer.token("<ComponentName>")
            writer.token(name)
            writer.token(f"<{component.type}>")
            writer.fields(component.fields, component)
            writer.token(f"</{component.type}>")
            writer.raw(end)
        writer.token("</Nnet3>")
        return writer.data()


NNET = NetworkHolder()


def _read_graph(stream):
    """The lines of the graph, which an empty line ends."""
    if (stream.line() or b"").strip():
        stream.fail("more text in the line of <Nnet3>. The file is damaged.")
    lines = []
    while True:
        line = stream.line()
        if line is None:
            stream.fail("ends within the lines of its graph. The file is truncated.")
        if not line.strip():
            return "\n".join(lines)
        lines.append(line.decode(errors="replace"))


def _read_components(reader):
    reader.expect("<NumComponents>")
    count = reader.value("int")
    if not 0 <= count < _MOST_COMPONENTS:
        reader.fail(f"{count} components. The file is damaged.")
    components = {}
    for _ in range(count):
        reader.where = ""
        reader.expect("<ComponentName>")
        name = reader.token()
        if not is_name(name) or name in components:
            what = "comes twice" if name in components else "is no name of a component"
            reader.fail(f"'{name[:60]}' {what}. The file is damaged.")
        reader.where = f"component {name}: "
        components[name] = _read_component(reader)
    reader.where = ""
    reader.expect("</Nnet3>")
    return components


def _read_component(reader):
    kind = reader.token().removeprefix("<").removesuffix(">")
    if kind not in COMPONENTS:
        reader.fail(f"type '{kind[:60]}' is not built in. {did_you_mean(kind[:60], COMPONENTS)}")
    if reader.peek() == f"<{kind}>":  # in old files it comes twice
        reader.token()
    component = COMPONENTS[kind](**reader.fields(COMPONENTS[kind].fields))
    ends = [f"</{kind}>"]
    if kind == "NaturalGradientAffineComponent":
        ends.append(f"<{kind}>")
    reader.expect(*ends)
    fault = component.fault()
    if fault:
        reader.fail(f"{fault}. The file is damaged.")
    return component
