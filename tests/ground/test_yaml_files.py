"""A fault of a YAML file or a list has its file and its line."""

import pytest

from steps_py.errors import ConfigError, DataDirError
from steps_py.text_files import read_lines
from steps_py.yaml_files import read_yaml


@pytest.mark.parametrize(
    "content, said",
    [
        (b"data: 1\nfeats: [\n", r":3: not YAML"),
        (b"data: 1\n\tfeats: 2\n", r":2: not YAML: line 2, column 1: found character '\\t'"),
        (b"data: 1\ndata: 2\n", r":2: the key 'data' is given twice; first on line 1"),
        (b"a:\n  b: 1\n  c: 2\n  b: 3\n", r":4: the key 'b' is given twice; first on line 2"),
        (b"data: caf\xe9\n", r":1: not UTF-8: byte 0xe9"),
        ("data: 1\n".encode("utf-16"), r":1: begins with the byte order mark of UTF-16"),
        (b"data: 1\nx: \x01\n", r":2: not YAML"),
        (b"data: {a: 1\nfeats: 2\n", r":\d: not YAML"),
        (b"data: 'open\n", r":2: not YAML: line 2, column 1: found unexpected end of stream"),
    ],
)
def test_a_fault_names_file_and_line_in_one_line(tmp_path, content, said):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"config.yaml{said}") as told:
        read_yaml(path)
    assert "\n" not in str(told.value)


def test_a_byte_order_mark_is_no_part_of_the_content(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xef\xbb\xbfdata: 1\r\n")
    assert read_yaml(path) == {"data": 1}
    path.write_bytes(b"\xef\xbb\xbfspk1/a.wav\r\n\r\n spk1/b.wav \r\n")
    assert read_lines(path) == [(1, "spk1/a.wav"), (3, "spk1/b.wav")]


def test_merged_keys_are_not_given_twice(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("a: &x {k: 1}\nb: {<<: *x, k: 2}\n")
    assert read_yaml(path)["b"] == {"k": 2}


def test_a_list_in_another_encoding_is_named_with_its_line(tmp_path):
    path = tmp_path / "train.lst"
    path.write_bytes(b"spk1/a.wav\nspk\xe9/b.wav\n")
    with pytest.raises(DataDirError, match=r"train.lst:2: not UTF-8: byte 0xe9"):
        read_lines(path)
