"""Text in any encoding, and files that are made to stop a reader."""

from __future__ import annotations

import time

import pytest

from utils.errors import LabelError
from utils.labels.class_lists import read_data_yaml, read_name_list
from utils.labels.texts import decoded, read_json, read_xml, read_yaml

DEEP = 200_000


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_text_is_decoded_by_what_it_shows(encoding):
    text = "0 0.5 0.5 0.2 0.2\nFähre 0.1 0.1 0.1 0.1\n"
    assert decoded(text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"{", "not readable JSON", id="cut off"),
        pytest.param(b"[" * DEEP, "nested too deeply", id="nested lists"),
        pytest.param(b'{"a":' * DEEP, "nested too deeply", id="nested mappings"),
        pytest.param(b"1" * 5000, "not readable JSON", id="a number of 5000 digits"),
        pytest.param(b"\x00\xff", "not readable JSON", id="bytes"),
    ],
)
def test_json_that_cannot_be_read_is_one_sentence(tmp_path, content, words):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(LabelError, match=words):
        read_json(tmp_path / "a.json")


def test_keys_that_an_object_has_twice_are_told(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1, "b": {"c": 1, "c": 2}, "a": 3}')
    assert read_json(tmp_path / "a.json") == ({"a": 3, "b": {"c": 2}}, {"a", "c"})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param("names: [a", "not readable YAML", id="cut off"),
        pytest.param("[" * 5000, "nested too deeply", id="nested"),
        pytest.param("- a", "not a YAML mapping", id="a list"),
        pytest.param("names: !!python/object:os.system [a]\n\x00", "not readable", id="zeros"),
        pytest.param("x" * (1 << 21), "too many", id="two megabytes"),
    ],
)
def test_yaml_that_cannot_be_read_is_one_sentence(tmp_path, content, words):
    (tmp_path / "a.yaml").write_text(content)
    with pytest.raises(LabelError, match=words):
        read_yaml(tmp_path / "a.yaml")


def test_aliases_that_multiply_are_refused_at_once(tmp_path):
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    (tmp_path / "data.yaml").write_text(f"{bomb}names: *a11\n")
    start = time.monotonic()
    with pytest.raises(LabelError, match="names"):
        read_data_yaml(tmp_path / "data.yaml")
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    ("content", "names"),
    [
        pytest.param("names: [no, yes, on, off, y]", "no yes on off y", id="truth"),
        pytest.param("names: [1, 0x1F, 1e3, 010]", "1 0x1F 1e3 010", id="numbers"),
        pytest.param("names: ['null', \"~\"]", "null ~", id="quoted null"),
        pytest.param("names:\n  0: 2026-11-29\n  1: 12:30:00", "2026-11-29 12:30:00", id="dates"),
        pytest.param("x: &a [tug, boat]\nnames: *a", "tug boat", id="an alias"),
    ],
)
def test_class_names_in_yaml_are_text(tmp_path, content, names):
    (tmp_path / "data.yaml").write_text(content)
    assert list(read_data_yaml(tmp_path / "data.yaml").names.values()) == names.split()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("names: [ship, null]", id="null"),
        pytest.param("names: [ship, ~]", id="tilde"),
        pytest.param("names: [ship, ]\nnames: {0: }", id="nothing"),
        pytest.param("names: [[ship]]", id="a list in the list"),
        pytest.param('names: ["\\0"]', id="a control character"),
        pytest.param("names: {0: ship, 0: tug}", id="two names for one number"),
        pytest.param("names: {ship: 0}", id="names as keys"),
        pytest.param("names: {nan: a}", id="NaN as a key"),
        pytest.param("names: {inf: a}", id="an infinite key"),
    ],
)
def test_class_names_that_are_none_are_refused(tmp_path, content):
    (tmp_path / "data.yaml").write_text(content)
    with pytest.raises(LabelError, match="no readable class names"):
        read_data_yaml(tmp_path / "data.yaml")


def test_a_list_of_names_keeps_its_numbers(tmp_path):
    (tmp_path / "classes.txt").write_bytes("\ufeffship\r\n\r\nFähre\r\n".encode())
    assert read_name_list(tmp_path / "classes.txt") == {0: "ship", 2: "Fähre"}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b'\n\n<?xml version="1.0"?><A><B/></A>', id="leading blank lines"),
        pytest.param(b'\xef\xbb\xbf\n<?xml version="1.0"?><A><B/></A>', id="BOM and blank line"),
        pytest.param(b'<n:A xmlns:n="http://x"><n:B/></n:A>', id="namespace"),
        pytest.param(b'<?xml version="1.0" encoding="utf-16"?><a><b/></a>', id="wrong one"),
        pytest.param('<?xml version="1.0"?><a><b/></a>'.encode("utf-16"), id="UTF-16"),
        pytest.param("<a><b>Fähre</b></a>".encode("latin-1"), id="latin-1 without word"),
        pytest.param(b'<?xml version="1.0" encoding="x-odd"?><a><b/></a>', id="unknown encoding"),
    ],
)
def test_xml_is_read_though_it_is_not_as_it_should_be(tmp_path, content):
    (tmp_path / "a.xml").write_bytes(content)
    root = read_xml(tmp_path / "a.xml")
    assert (root.tag, root[0].tag) == ("a", "b")


def test_xml_nested_without_end_is_read_or_refused(tmp_path):
    (tmp_path / "a.xml").write_bytes(b"<a>" * DEEP)
    with pytest.raises(LabelError):
        read_xml(tmp_path / "a.xml")
