"""What tests/fuzz/fuzz_readers.py feeds: readers, each with valid inputs and what they read as.

Sources are in memory where the reader takes a stream (they then behave as pipes), else files
in the current folder.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from steps_py.audio.decode import read_wav_file
from steps_py.audio.file_info import audio_info
from steps_py.audio.headers.aiff import aiff_info
from steps_py.audio.headers.au import au_info
from steps_py.audio.headers.flac import crc8, crc16, flac_info
from steps_py.audio.headers.m4a import m4a_info
from steps_py.audio.headers.mp3 import mp3_info
from steps_py.audio.headers.ogg import ogg_info
from steps_py.audio.headers.riff import PCM_GUID, riff_info, wave64_info
from steps_py.audio.headers.sphere import sphere_info
from steps_py.audio.wave import Wave
from steps_py.audio.wave_holder import WAVE
from steps_py.backend.plda import Plda
from steps_py.backend.plda_io import decode_plda, encode_plda
from steps_py.data.data_dir import read_table
from steps_py.data.trials import Trial, read_trial_list
from steps_py.feats.feature_options import MfccOptions
from steps_py.formats import holders
from steps_py.formats.options import parse_command_line
from steps_py.formats.specifiers import (
    parse_rspecifier,
    parse_wspecifier,
    resolve_range,
    split_range,
)
from steps_py.formats.streams import Input, classify_rxfilename, open_input
from steps_py.formats.tables import RandomReader, SequentialReader
from steps_py.formats.word_pairs import read_blocks
from steps_py.nnet3.config_lines import parse_lines
from steps_py.nnet3.descriptors import parse
from steps_py.nnet3.network import Network
from steps_py.nnet3.network_file import NNET
from tests.support.tiny_corpora import m4a_bytes

X_TD = np.array([[0, 1, 2], [0.5, -3, 8], [7, 7, 7], [1, 0, -1]], np.float32)
TEXT = "latin-1"  # every byte is a character, so that any input is a text
_files = {}


@dataclass(frozen=True)
class Target:
    """A reader: `feed(data)` reads; `seeds` are valid inputs and what they read as.

    `weight` is how often it is drawn: slow readers less.  `is_argument`: it reads what stands
    on a command line.
    """

    name: str
    feed: Callable
    seeds: list
    weight: int = 10
    is_argument: bool = False


def on_file(name, data):
    """Put `data` in the file `name` of the current folder; its path."""
    path = str(Path(name).absolute())
    if path not in _files:
        _files[path] = open(path, "wb", buffering=0)  # noqa: SIM115 -- for speed
    file = _files[path]
    file.truncate(0)
    file.seek(0)
    file.write(data)
    return path


def close_files():
    for file in _files.values():
        file.close()
    _files.clear()


def _chosen(data, choices):
    """One of the choices, the same for the same data."""
    return choices[zlib.crc32(data) % len(choices)]


def _read_by(holder):
    return lambda data: holder.read(Input(io.BytesIO(data), "fuzz"))


def _read_file(data):
    with open_input(on_file("object", data)) as stream:
        return holders.FLOAT_MATRIX.read(stream)


def _read_span(data):
    span = _chosen(data, ["0:1", "1:2,0:1", ":,2:2", "3:5", "2:9"])
    return holders.FLOAT_MATRIX.read(Input(io.BytesIO(data), "fuzz"), span)


def _encoded(holder, *values):
    return [(holder.encode(value, binary), value) for value in values for binary in (True, False)]


def _objects():
    compressed = [holders.COMPRESSED_MATRIX(method) for method in (2, 3, 5)]
    matrices = _encoded(holders.FLOAT_MATRIX, X_TD, X_TD[:0, :0])
    matrices += _encoded(holders.DOUBLE_MATRIX, X_TD)
    squeezed = [holder.encode(X_TD, True) for holder in compressed]
    squeezed = [(data, _read_by(holders.FLOAT_MATRIX)(data)) for data in squeezed]
    for _, x_TD in squeezed:
        assert np.abs(x_TD - X_TD).max() < 0.1
    wave = Wave(8000, np.arange(24, dtype=np.float32).reshape(2, 12))
    waves = [(data, (8000, wave.samples_CN)) for data in _wave_files(wave)]
    spans = [(data, _read_span(data)) for data, x in matrices[:2] + squeezed]
    return [
        Target("matrix", _read_by(holders.FLOAT_MATRIX), matrices, 40),
        Target("matrix in a file", _read_file, matrices + squeezed, 15),
        Target("double matrix", _read_by(holders.DOUBLE_MATRIX), matrices, 20),
        Target("compressed matrix", _read_by(holders.FLOAT_MATRIX), squeezed, 30),
        Target("part of a matrix", _read_span, spans, 20),
        _holder_target("vector", holders.FLOAT_VECTOR, X_TD[0], X_TD[0, :0]),
        _holder_target("double vector", holders.DOUBLE_VECTOR, X_TD[1]),
        _holder_target("integer", holders.INT, 3, -(2**31)),
        _holder_target("integers", holders.INTS, [1, 2, -3], []),
        _holder_target("number", holders.FLOAT, 0.5, -2.0),
        _holder_target("word", holders.TOKEN, "a-word"),
        _holder_target("words", holders.TOKENS, ["some", "words"]),
        Target("wave", _feed_wave, waves, 30),
        Target("wave file", _feed_wave_file, waves, 10),
    ]


def _holder_target(name, holder, *values):
    return Target(name, _read_by(holder), _encoded(holder, *values), 15)


def _feed_wave_file(data):
    wave = read_wav_file(on_file("fuzz.wav", data))
    return wave.rate_hz, wave.samples_CN


def _wave_files(wave):
    """As Kaldi writes it; as a pipe writes it; with an odd chunk; with an extensible header."""
    data = WAVE.encode(wave, True)
    layout, body = data[20:36], data[36:]
    odd = b"LIST\3\0\0\0abc\0"
    extensible = b"\xfe\xff" + layout[2:] + struct.pack("<HHI", 22, 16, 3) + PCM_GUID
    return [
        data,
        data[:4] + b"\xff" * 4 + data[8:40] + b"\xff" * 4 + data[44:],
        data[:36] + odd + body,
        data[:12] + b"fmt " + struct.pack("<I", len(extensible)) + extensible + body,
    ]


def _feed_wave(data):
    wave = WAVE.read(Input(io.BytesIO(data), "fuzz"))
    return wave.rate_hz, wave.samples_CN


def _archive(holder, value):
    entry = holder.encode(value, True)
    return b"key1 " + entry + b"key2 " + entry + b"key3 " + holder.encode(value, False)


def _archive_feed(holder, kinds):
    def feed(data):
        path = on_file("table.ark", data)
        kind = _chosen(data, kinds)
        with SequentialReader(f"{kind}:{path}", holder) as reader:
            entries = dict(reader)
        with RandomReader(f"{kind}:{path}", holder) as table:
            for key in ("key1", "key2", "key9"):
                assert (key in table) == (key in entries) or "s" in kind or "p" in kind
        return entries

    return feed


def _tables():
    sorts = [
        ("archive of matrices", holders.FLOAT_MATRIX, X_TD),
        ("archive of vectors", holders.FLOAT_VECTOR, X_TD[0]),
        ("archive of words", holders.TOKENS, ["a", "b"]),
    ]
    kinds = ["ark", "ark,s", "ark,p", "ark,s,cs", "ark,o"]
    targets = []
    for name, holder, value in sorts:
        seeds = [(_archive(holder, value), dict.fromkeys(("key1", "key2", "key3"), value))]
        targets.append(Target(name, _archive_feed(holder, kinds), seeds, 12))
    on_file("whole.ark", _archive(holders.FLOAT_MATRIX, X_TD))
    script = b"key1 whole.ark:5\nkey2 whole.ark:%d\n" % (10 + len(b"\0BFM ") + 10 + X_TD.nbytes)
    ranged = b"key1 whole.ark:5[0:1]\nkey2 whole.ark:5[0:1,0:2]\n"
    seeds = [(script, dict(key1=X_TD, key2=X_TD)), (ranged, dict(key1=X_TD[:2], key2=X_TD[:2]))]
    return [*targets, Target("script file", _feed_script, seeds, 15)]


def _feed_script(data):
    path = on_file("table.scp", data.replace(b"|", b"/"))  # no random commands
    with RandomReader(f"scp:{path}", holders.FLOAT_MATRIX) as table:
        for key in ("key1", "key9"):
            if key in table:
                table[key]
    with SequentialReader(f"scp:{path}", holders.FLOAT_MATRIX) as reader:
        return dict(reader)


def _feed_range(data):
    name, span = split_range(data.decode(TEXT))
    classify_rxfilename(name)
    return span and resolve_range(span, 100, 13, "fuzz")


def _feed_options(data):
    try:
        parsed = parse_command_line("fuzz", "Usage", MfccOptions, data.decode(TEXT).split("\n"))
    except SystemExit as done:
        return done.code
    return vars(parsed[0]), parsed[1]


def _feed_config_file(data):
    path = on_file("fuzz.conf", data)
    return vars(parse_command_line("fuzz", "Usage", MfccOptions, [f"--config={path}"])[0])


def _texts():
    rspecifier = parse_rspecifier("ark,s,cs:a.ark")
    wspecifier = parse_wspecifier("ark,scp,t:a.ark,a.scp")
    default = vars(parse_command_line("fuzz", "Usage", MfccOptions, [])[0])
    changed = {**default, "num_ceps": 30, "snip_edges": False}
    options = b"--num-ceps=30\n--snip-edges=false\nscp:wav.scp\nark:-"
    config = b"--num-ceps=30  # as in the recipe\n\n--snip_edges=false\n"
    return [
        _text_target("rspecifier", parse_rspecifier, b"ark,s,cs:a.ark", rspecifier),
        _text_target("wspecifier", parse_wspecifier, b"ark,scp,t:a.ark,a.scp", wspecifier),
        Target("range", _feed_range, [(b"a.ark:15[3:20,0:4]", (3, 21, 0, 5))], 30, True),
        Target(
            "options", _feed_options, [(options, (changed, ["scp:wav.scp", "ark:-"]))], 15, True
        ),
        Target("options in a file", _feed_config_file, [(config, changed)], 8),
    ]


def _text_target(name, read, data, value):
    return Target(name, lambda data: read(data.decode(TEXT)), [(data, value)], 30, True)


_GRAPH = """input-node name=input dim=3
component name=a type=AffineComponent input-dim=6 output-dim=2 param-stddev=0.1
component-node name=a component=a input=Append(input, Offset(input, 1))
component name=relu type=RectifiedLinearComponent dim=2
component-node name=relu component=relu input=a
component name=norm type=BatchNormComponent dim=2 test-mode=true
component-node name=norm component=norm input=Sum(relu, Scale(0.5, Round(relu, 3)))
output-node name=output input=norm
"""


def _configured(data):
    return NNET.encode(Network.from_lines(parse_lines(data.decode(TEXT), "fuzz"), {}), True)


def _feed_network(data):
    return NNET.encode(NNET.read(Input(io.BytesIO(data), "fuzz")), True)


def _feed_plda(data):
    model = decode_plda(data)
    return model.mean_D, model.transform_DD, model.psi_D


def _models():
    parts = np.array([0.5, -1]), np.array([[2.0, 1], [0, 3]]), np.array([4.0, 1])
    pldas = [(encode_plda(Plda(*parts), binary), parts) for binary in (True, False)]
    lines = parse_lines(_GRAPH, "graph")
    network = Network.from_lines(lines, {})
    for values in network.components.values():  # numbers that text keeps whole
        for name, value in vars(values).items():
            if isinstance(value, np.ndarray):
                vars(values)[name] = np.round(value * 4) / 4
    models = [
        (NNET.encode(network, binary), NNET.encode(network, True)) for binary in (True, False)
    ]
    nested = b"Append(Offset(a, -1), Sum(a, b), Scale(2.0, Round(b, 3)))"
    return [
        Target("plda", _feed_plda, pldas, 15),
        Target("nnet3 model", _feed_network, models, 6),
        Target("nnet3 config", _configured, [(_GRAPH.encode(), _configured(_GRAPH.encode()))], 4),
        _text_target("descriptor", _feed_descriptor, nested, _feed_descriptor(nested.decode())),
    ]


def _feed_descriptor(text):
    return str(parse(text, ["a", "b"]))


def _from_file(name, read, data, value, weight=10):
    return Target(name, lambda data: read(on_file("fuzz.input", data)), [(data, value)], weight)


def _lists():
    table = {"anna-1": "anna", "anna-2": "anna", "ben-1": "ben"}
    lines = "".join(f"{utt} {spk}\n" for utt, spk in table.items()).encode()
    trials = [Trial("a", "b", True), Trial("a", "c", False)]
    blocks = [([b"a", b"c"], [b"b", b"d"], b"a b\nc d\n")]
    return [
        _from_file("table of a data directory", read_table, lines, table, 15),
        _from_file("trial list", _trials_of, b"1 a b\na c nontarget\n", trials, 15),
        Target("word pairs", _feed_pairs, [(b"a b\nc d\n", blocks), (b"a\tb\nc  d", blocks)], 15),
    ]


def _trials_of(path):
    return list(read_trial_list(path))


def _feed_pairs(data):
    return list(read_blocks(Input(io.BytesIO(data), "fuzz"), "Write two.", block_bytes=4096))


def _flac_bytes():
    """Two frames' headers behind STREAMINFO, with their checksums: 8 kHz, 16 bits, 192 samples."""
    packed = (8000 << 44) | (0 << 41) | (15 << 36) | 192
    info = struct.pack(">HH", 192, 192) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    head = b"\xff\xf8\x14\x08\x00"
    frame = head + bytes([crc8(head)]) + bytes(20)
    return b"fLaC\x80\0\0\x22" + info + frame + crc16(frame).to_bytes(2, "big")


def _feed_info(path):
    info = audio_info(path)
    return info.rate_hz, info.num_channels, info.num_samples


def _opened(read):
    """`read` of an open file and its path, as a function of the path alone."""

    def feed(path):
        with open(path, "rb") as file:
            info = read(file, path)
        return info.rate_hz, info.num_channels, info.num_samples

    return feed


def _small_m4a():
    """Without its 400 bytes of sound, in which no damage is seen."""
    data = m4a_bytes()
    sound = data.index(b"mdat") - 4
    return data[:sound] + data[sound + 408 :]


def _headers():
    wave = WAVE.encode(Wave(8000, np.zeros((2, 12))), True)
    seeds = [
        (wave, (8000, 2, 12)),
        (_small_m4a(), (16000, 1, 72000)),
        (_flac_bytes(), (8000, 1, 192)),
    ]

    return [
        Target("header of a recording", lambda data: _feed_info(on_file("x", data)), seeds, 12),
        _from_file("mp4", _opened(m4a_info), _small_m4a(), (16000, 1, 72000), 15),
        _from_file("flac", _opened(flac_info), _flac_bytes(), (8000, 1, 192), 10),
        *(_written_target(name, read, *kinds) for name, read, *kinds in WRITTEN),
    ]


WRITTEN = [  # name, reader, (container, encoding) of libsndfile for each valid input
    ("riff", riff_info, ("WAV", "PCM_16"), ("WAVEX", "FLOAT"), ("WAV", "IMA_ADPCM")),
    ("rf64", riff_info, ("RF64", "PCM_16")),
    ("wave64", wave64_info, ("W64", "PCM_24")),
    ("ogg", ogg_info, ("OGG", "VORBIS"), ("OGG", "OPUS")),
    ("mp3", mp3_info, ("MP3", "MPEG_LAYER_III")),
    ("aiff", aiff_info, ("AIFF", "PCM_16"), ("AIFF", "ULAW")),
    ("sphere", sphere_info, ("NIST", "PCM_16"), ("NIST", "ULAW")),
    ("au", au_info, ("AU", "PCM_16"), ("AU", "FLOAT")),
]


def _written_target(name, read, *kinds):
    """A reader of headers, with files of 400 samples that libsndfile writes."""
    samples_N = np.random.default_rng(0).normal(0, 0.1, 400).clip(-1, 1)
    seeds = []
    for container, encoding in kinds:
        file = io.BytesIO()
        soundfile.write(file, samples_N, 8000, format=container, subtype=encoding)
        path = on_file(f"valid.{name}", file.getvalue())
        seeds.append((file.getvalue(), _opened(read)(path)))
    return Target(name, lambda data: _opened(read)(on_file("fuzz.input", data)), seeds, 4)


def targets():
    """All readers; the current folder becomes theirs."""
    return [*_objects(), *_tables(), *_texts(), *_models(), *_lists(), *_headers()]
