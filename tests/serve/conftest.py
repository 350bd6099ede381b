"""One server in this process, with a small system, for the tests that only send requests."""

import contextlib
import http.client
import json
import threading
import time

import pytest

from steps_py import load_system
from steps_py.serve.config import ServeConfig
from steps_py.serve.run import listen, server_of
from tests.support.small_extractor import write_model, write_recording
from tests.support.small_system import write_system


@contextlib.contextmanager
def running(system, gallery_path, **changed):
    """The port of a server that runs within this context."""
    config = ServeConfig(**{"port": 0, "timeout_sec": 20.0, **changed})
    with listen(config) as sock:
        server = server_of(system, str(gallery_path), config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.005)
        yield sock.getsockname()[1]
        server.should_exit = True
        thread.join()


def form_of(**files):
    """(body, headers) of a form: {field: bytes or [bytes]}, whose file names are hostile."""
    parts = []
    for field, datas in files.items():
        for data in datas if isinstance(datas, list) else [datas]:
            parts.append(
                f'--b0\r\nContent-Disposition: form-data; name="{field}"; '
                f'filename="../{field}.wav"\r\n\r\n'.encode()
                + data
                + b"\r\n"
            )
    body = b"".join(parts) + b"--b0--\r\n"
    return body, {"Content-Type": "multipart/form-data; boundary=b0"}


def ask(port, method, path, body=None, headers=None):
    """(status, answer, headers) of a request; a JSON answer is read."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        link.request(method, path, body, headers or {})
        answer = link.getresponse()
        text, kind = answer.read(), answer.headers.get_content_type()
        found = json.loads(text) if kind == "application/json" else text.decode()
        return answer.status, found, answer.headers
    finally:
        link.close()


@pytest.fixture(scope="session")
def served_system(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    return load_system(
        write_system(folder / "system.swx", write_model(folder, more="--dither=0\n"))
    )


@pytest.fixture(scope="session")
def port(served_system, tmp_path_factory):
    """The port of a server whose gallery is that of the session; no test may rely on its people."""
    with running(served_system, tmp_path_factory.mktemp("gallery") / "people.sqlite") as port:
        yield port


@pytest.fixture(scope="session")
def voices(tmp_path_factory):
    """Paths of three recordings."""
    folder = tmp_path_factory.mktemp("recordings")
    return [write_recording(folder / f"{name}.wav", seed=n) for n, name in enumerate("abc")]


@pytest.fixture(scope="session")
def sounds(voices):
    """The bytes of three recordings."""
    found = []
    for path in voices:
        with open(path, "rb") as file:
            found.append(file.read())
    return found
