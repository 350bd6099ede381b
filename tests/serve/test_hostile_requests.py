"""About a hundred kinds of hostile requests against one server: an answer each, never a fault.

Every kind is (expected statuses, bytes to send on a connection).  After all of them the server
still answers, and its memory has not grown by what they decode to.
"""

import contextlib
import io
import resource
import socket
import struct
import threading
import time
import zlib

import numpy as np
import pytest
import soundfile

from steps_py.audio.headers.flac import crc8, crc16
from tests.serve.conftest import ask, form_of, running

REFUSED = {400, 405, 408, 409, 411, 413, 415, 422, 431, 501}
RNG = np.random.default_rng(12)
CHUNKED = "Transfer-Encoding: chunked"
FORM = "multipart/form-data; boundary="
KEY = "0123456789abcdef"


def request(body=b"", path="/embed", method="POST", kind="audio/wav", headers=(), length=None):
    """The bytes of a request; `length` is that which its header states."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close"]
    lines += [f"Content-Type: {kind}"] if kind else []
    lines += [f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def form(path="/embed", **files):
    body, headers = form_of(**files)
    return request(body, path, kind=headers["Content-Type"])


def raw_form(body, kind=FORM + "b0", path="/embed"):
    return request(body, path, kind=kind)


def wav(
    samples=b"\1\0" * 8000, encoding=1, channels=1, rate=8000, bits=16, declared=None, riff=None
):
    block = max(1, channels * bits // 8)
    layout = struct.pack(
        "<HHIIHH", encoding, channels, rate, rate * block % (1 << 32), block % 65536, bits
    )
    size = len(samples) if declared is None else declared
    head = b"RIFF" + struct.pack("<I", 36 + len(samples) if riff is None else riff)
    head += b"WAVEfmt " + struct.pack("<I", 16) + layout
    return head + b"data" + struct.pack("<I", size) + samples


def floats(*values):
    samples_N = np.tile(np.array(values, "<f4"), 8000)
    return wav(samples_N.tobytes(), encoding=3, bits=32)


def sound(kind, subtype=None, seconds=3, rate=8000, channels=1):
    file = io.BytesIO()
    noise_NC = 0.1 * RNG.standard_normal((seconds * rate, channels))
    soundfile.write(file, noise_NC, rate, format=kind, subtype=subtype)
    return file.getvalue()


def flac_bomb(num_frames=4000, rate_code=4, channel_code=0, stated=None, rate=8000):
    """A FLAC file of silence: 65,536 samples in each frame of some bytes."""
    samples = num_frames * 65_536 if stated is None else stated
    packed = rate << 44 | channel_code << 41 | 15 << 36 | samples & (1 << 36) - 1
    info = struct.pack(">HH", 65_535, 65_535) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    frames = []
    for number in range(num_frames):
        coded = chr(number).encode("utf-8", "surrogatepass") if number < 0x110000 else b"\0"
        head = bytes([0xFF, 0xF8, 0x70 | rate_code, channel_code << 4 | 8]) + coded
        head += struct.pack(">H", 65_534)
        head += bytes([crc8(head)])
        frame = head + bytes([0, 0, 0]) * (channel_code + 1)
        frames.append(frame + struct.pack(">H", crc16(frame)))
    return b"fLaC\x80\0\0\x22" + info + b"".join(frames)


def kinds():
    """{name: (allowed statuses, bytes)}."""
    good, flac, ogg, mp3 = wav(), sound("FLAC"), sound("OGG"), sound("MP3", rate=16000)
    found = {}
    for size in (1, 2, 11, 43, 44, 45, 1000, 100_000):
        found[f"{size} random bytes"] = REFUSED, request(RNG.bytes(size))
    for name, data in {"wav": good, "flac": flac, "ogg": ogg, "mp3": mp3}.items():
        for share in (0.01, 0.3, 0.9):
            cut = data[: max(4, int(share * len(data)))]
            found[f"{share} of a {name}"] = REFUSED | {200}, request(cut)
        for turn in range(4):
            bytes_ = bytearray(data)
            for place in RNG.integers(0, len(data), 1 + len(data) // 500):
                bytes_[place] = RNG.integers(256)
            found[f"{name} with errors {turn}"] = REFUSED | {200}, request(bytes(bytes_))
        found[f"the start of a {name} and random bytes"] = (
            REFUSED | {200}, request(data[:60] + RNG.bytes(5000)),
        )  # fmt: skip
    bomb, noise = flac_bomb(), sound("WAV")
    found |= {
        "no body": ({422}, request()),
        "silence": ({422}, request(wav(bytes(48000)))),
        "three samples": ({422}, request(wav(bytes(6)))),
        "no samples": ({422}, request(wav(b""))),
        "nan samples": ({422}, request(floats(0.1, float("nan")))),
        "infinite samples": ({422}, request(floats(0.1, float("-inf")))),
        "huge samples": (REFUSED | {200}, request(floats(1e38, -1e38, 1e-38))),
        "tiny samples": (REFUSED | {200}, request(floats(1e-45, 0.0))),
        "double samples": (
            REFUSED | {200}, request(wav(np.full(8000, 1e300).tobytes(), encoding=3, bits=64)),
        ),
        "rate 0": ({422}, request(wav(rate=0))),
        "rate 1": ({413, 422}, request(wav(rate=1))),
        "rate 4 GHz": ({422}, request(wav(rate=(1 << 32) - 1))),
        "rate 4 GHz, converted": ({422}, request(wav(rate=4_294_967_295), "/embed?resample=1")),
        "prime rate": (REFUSED | {200}, request(wav(rate=191_999), "/embed?resample=1")),
        "0 channels": ({422}, request(wav(channels=0))),
        "65535 channels": ({422}, request(wav(channels=65_535), "/embed?channel=mix")),
        "0 bits": ({422}, request(wav(bits=0))),
        "24 bits that are not whole": (REFUSED | {200}, request(wav(bits=24, samples=bytes(100)))),
        "unknown encoding": ({422}, request(wav(encoding=0xBEEF))),
        "wav that promises 4 GB": (REFUSED, request(wav(declared=(1 << 32) - 1, riff=99))),
        "wav of size 0": (REFUSED | {200}, request(wav(declared=0, riff=0))),
        "wav too long": ({413}, request(wav(bytes(2 * 8000 * 130)))),
        "flac bomb": ({413}, request(bomb)),
        "flac bomb, silent length": (REFUSED, request(flac_bomb(1500, stated=0))),
        "flac bomb of 8 channels": ({413}, request(flac_bomb(2000, 4, 7), "/embed?channel=mix")),
        "flac bomb of 655 kHz": ({422}, request(flac_bomb(50, 0, 0, rate=655_350))),
        "flac bomb that states 1 s": (REFUSED | {200}, request(flac_bomb(50, stated=8000))),
        "flac that states 2^36 samples": (REFUSED, request(flac_bomb(1, stated=(1 << 36) - 1))),
        "flac of rate 0": ({422}, request(flac_bomb(1, rate=0))),
        "ogg of 48 channels": (
            {422}, request(sound("OGG", seconds=1, channels=48), "/embed?channel=mix"),
        ),
        "gzip bomb": ({422}, request(zlib.compress(bytes(10_000_000), 9, 31))),
        "compressed body": (
            REFUSED, request(zlib.compress(good, 9, 31), headers=["Content-Encoding: gzip"]),
        ),
        "html": ({422}, request(b"<html><script>alert(1)</script>")),
        "a pipe of wav.scp": ({422}, request(b"cat /etc/passwd |")),
        "a path": ({422}, request(b"/etc/passwd")),
        "a playlist for ffmpeg": (
            {422}, request(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", kind="audio/mpegurl"),
        ),
        "a sphere header with a command": (
            {422}, request(b"NIST_1A\n   1024\nsample_coding -s7 |id|\nend_head\n" + bytes(2000)),
        ),
        "text": ({415}, request(good, kind="text/plain")),
        "json": ({415}, request(b'{"path": "/etc/passwd"}', kind="application/json")),
        "url-encoded": ({415}, request(b"a=1", kind="application/x-www-form-urlencoded")),
        "hostile content type": (REFUSED, request(good, kind="audio/\xff; \x01=")),
        "body beyond the limit": ({413}, request(bytes(3_100_000))),
        "length beyond the limit": ({413}, request(b"RIFF", length=10**12)),
        "negative length": ({400}, request(b"RIFF", length=-1)),
        "length in words": ({400}, request(b"RIFF", length="many")),
        "two lengths": ({400}, request(good, headers=["Content-Length: 7"])),
        "length and chunks": ({400, 422}, request(b"0\r\n\r\n", headers=[CHUNKED])),
        "chunk of a wrong size": (
            {400, None},
            request().replace(b"Content-Length: 0", CHUNKED.encode()) + b"zz\r\n",
        ),
        "body that never comes": ({408}, request(length=100)),
        "half a body": ({408}, request(good[:100], length=len(good))),
        "headers that never end": ({None}, b"POST /embed HTTP/1.1\r\nHost: localhost\r\nX: "),
        "no request": ({400, None}, b"\r\n\r\n\0\0\r\n\r\n"),
        "tls": ({400, None}, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + RNG.bytes(200)),
        "http/2": ({400, 404, None}, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        "huge header": ({400, 422, 431}, request(good, headers=["X: " + "a" * 100_000])),
        "many headers": ({400, 431, 200, 422}, request(good, headers=["X: a"] * 5000)),
        "huge path": ({400, 404, 414}, request(good, "/" + "a" * 100_000)),
        "header with a null": ({400}, request(good, headers=["X: a\0b"])),
        "unknown method": ({405}, request(good, method="BREW")),
        "unknown path": ({404}, request(good, "/etc/passwd")),
        "traversal": ({404}, request(good, "/../../etc/passwd", method="GET")),
        "encoded traversal": ({404}, request(good, "/%2e%2e%2f%2e%2e%2fetc/passwd", method="GET")),
        "null in a path": ({404}, request(good, "/embed%00.wav")),
        "bytes that are no text in a path": ({404}, request(good, "/%ff%fe")),
        "websocket": (
            {405, 400, 404}, request(method="GET", headers=["Upgrade: websocket", "X: y"]),
        ),
        "prior nan": ({422}, form("/verify?prior=nan", first=good, second=good)),
        "prior 0": ({422}, form("/verify?prior=0", first=good, second=good)),
        "prior 1e-400": ({422}, form("/verify?prior=1e-400", first=good, second=good)),
        "prior in words": ({422}, form("/verify?prior=half", first=good, second=good)),
        "channel 9": ({422}, request(good, "/embed?channel=9")),
        "channel -1": ({422}, request(good, "/embed?channel=-1")),
        "channel that is a path": ({422}, request(good, "/embed?channel=../1")),
        "channel that is not there": ({200, 422}, request(good, "/embed?channel=2")),
        "resample maybe": ({422}, request(good, "/embed?resample=maybe")),
        "top 0": ({422}, request(good, "/identify?top=0")),
        "top 10^30": ({422}, request(good, "/identify?top=1" + "0" * 30)),
        "threshold inf": ({422}, request(good, "/identify?threshold=inf")),
        "no name": ({422}, request(noise, "/enrol")),
        "empty name": ({409, 422}, request(noise, "/enrol?name=")),
        "name of two lines": ({409, 422}, request(noise, "/enrol?name=a%0ab")),
        "name of 10000 letters": ({409, 422}, request(noise, "/enrol?name=" + "a" * 10_000)),
        "name of lone surrogates": ({409, 422, 200}, request(noise, "/enrol?name=%ed%a0%80")),
        "name of sql": ({200}, request(noise, "/enrol?name=';DROP%20TABLE%20people;--")),
        "name that is a path": ({200}, request(noise, "/enrol?name=../../etc/passwd")),
        "remove nobody": ({409}, request(path="/people?name=nobody", method="DELETE")),
        "one of two files": ({422}, form("/verify", first=good)),
        "two of one file": ({422}, form("/verify", first=[good, good], second=good)),
        "empty file": ({422}, form("/verify", first=good, second=b"")),
        "unknown field": ({422}, form(audio=good, other=good)),
        "33 files": ({400}, form("/enrol?name=x", audio=[good] * 33)),
        "form without a boundary": ({400}, raw_form(b"x", "multipart/form-data")),
        "form with an empty boundary": ({400}, raw_form(b"x", FORM)),
        "form with a long boundary": (REFUSED, raw_form(b"x", FORM + "b" * 9000)),
        "form of random bytes": ({400}, raw_form(RNG.bytes(5000))),
        "form that is cut": (REFUSED, raw_form(form_of(audio=good)[0][:3000])),
        "form without names": ({400}, raw_form(b"--b0\r\n\r\nx\r\n--b0--\r\n")),
        "form with a text for a file": (
            {400}, raw_form(form_of(audio=b"/etc/passwd")[0].replace(b"filename", b"x")),
        ),
        "form with a huge part header": (
            REFUSED, raw_form(b"--b0\r\nX: " + b"a" * 500_000 + b"\r\n\r\nx\r\n--b0--\r\n"),
        ),
        "form with a hostile charset": (
            {200, 400, 422}, raw_form(form_of(audio=good)[0], FORM + "b0; charset=zlib_codec"),
        ),
        "form with a hostile file name": (
            {200, 422},
            raw_form(form_of(audio=good)[0].replace(b"../audio.wav", b"|id;\x00\xff../../x" * 50)),
        ),
    }  # fmt: skip
    return found


def send(port, data, wait_sec=10):
    """The status of the answer, None if the connection was closed without one; and its text."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait_sec) as link:
        received = b""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            link.sendall(data)
        with contextlib.suppress(ConnectionResetError):
            while block := link.recv(65_536):
                received += block
    first = received.split(b"\r\n")[0].split()
    return (int(first[1]) if len(first) > 1 else None), received.decode("latin-1")


@pytest.fixture(scope="module")
def hostile_port(served_system, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    limits = {"max_body_mb": 3.0, "timeout_sec": 2.0, "max_audio_sec": 120.0}
    with running(served_system, folder / "people.sqlite", **limits) as port:
        yield port


@pytest.mark.filterwarnings("ignore:overflow encountered")  # of samples of 1e38
def test_about_a_hundred_hostile_kinds_get_an_answer_and_never_a_fault(hostile_port, sounds):
    faults, table = [], kinds()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    def check(name, allowed, data):
        try:
            status, text = send(hostile_port, data)
        except TimeoutError:
            faults.append(f"{name}: no answer")
            return
        if status not in allowed or status == 500 or "Traceback" in text:
            faults.append(f"{name}: {status}, not {allowed}: {text[-300:]}")
        elif status in (413, 415, 422) and '{"error":' not in text:
            faults.append(f"{name}: no line: {text[-300:]}")

    slow = [n for n, (allowed, _) in table.items() if {408, None} & allowed and 413 not in allowed]
    threads = [threading.Thread(target=check, args=(name, *table.pop(name))) for name in slow]
    for thread in threads:
        thread.start()
    for name, (allowed, data) in table.items():
        check(name, allowed, data)
    for thread in threads:
        thread.join()
    assert len(table) + len(threads) > 100
    assert not faults, "\n".join(faults)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 < peak_mb + 600
    assert ask(hostile_port, "POST", "/embed", sounds[0], {"Content-Type": "audio/wav"})[0] == 200
    names = {person["name"] for person in ask(hostile_port, "GET", "/people")[1]}
    assert names >= {"';DROP TABLE people;--", "../../etc/passwd"}


def test_many_slow_clients_do_not_keep_the_others_waiting(hostile_port, sounds):
    links = [socket.create_connection(("127.0.0.1", hostile_port)) for _ in range(100)]
    for link in links:
        link.sendall(request(length=1000)[:-1])
    started = time.monotonic()
    assert ask(hostile_port, "POST", "/embed", sounds[0], {"Content-Type": "audio/wav"})[0] == 200
    assert time.monotonic() - started < 2.0
    for link in links:
        link.close()


@pytest.mark.parametrize("key", ["", " ", "\xff", KEY[:-1], KEY + "x", KEY.upper(), "a" * 20_000])
def test_a_wrong_key_is_refused(served_system, tmp_path_factory, key, keyed_port):
    headers = [f"Authorization: Bearer {key}"]
    assert send(keyed_port, request(path="/people", method="GET", headers=headers))[0] == 401


@pytest.fixture(scope="module")
def keyed_port(served_system, tmp_path_factory):
    folder = tmp_path_factory.mktemp("keyed")
    with running(served_system, folder / "people.sqlite", api_key=KEY) as port:
        yield port
