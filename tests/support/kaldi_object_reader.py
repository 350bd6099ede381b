"""A reader of Kaldi's files for tests, token by token; it shares no code with the project's."""

import re
import struct
from pathlib import Path

import numpy as np


def compressed(tok, d, i):
    lo, span, r, c = struct.unpack_from("<ffii", d, i)
    i += 16
    if tok == "CM":
        h = np.frombuffer(d, "<u2", 4 * c, i).reshape(c, 4) * (span / 65535.0) + lo
        i += 8 * c
        v = np.frombuffer(d, "u1", r * c, i).reshape(c, r).astype(float)
        i += r * c
        p = [h[:, [k]] for k in range(4)]
        m = np.where(
            v <= 64,
            p[0] + (p[1] - p[0]) * v / 64,
            np.where(
                v <= 192,
                p[1] + (p[2] - p[1]) * (v - 64) / 128,
                p[2] + (p[3] - p[2]) * (v - 192) / 63,
            ),
        ).T
    else:
        ty, top = ("<u2", 65535.0) if tok == "CM2" else ("u1", 255.0)
        n = np.dtype(ty).itemsize
        m = np.frombuffer(d, ty, r * c, i).reshape(r, c) * (span / top) + lo
        i += n * r * c
    return m, i


def number(d, i):
    """A basic value: size byte (negative: unsigned), then little-endian; its type is guessed."""
    n = struct.unpack_from("b", d, i)[0]
    k = abs(n)
    i += 1
    v = int.from_bytes(d[i : i + k], "little", signed=n > 0)
    if k == 4 and abs(v) >= 1 << 20:
        v = struct.unpack_from("<f", d, i)[0]
    elif k == 8 and abs(v) >= 1 << 40:
        v = struct.unpack_from("<d", d, i)[0]
    return float(v), i + k


def array(d, i):
    """A binary matrix, vector or packed matrix at i, or None."""
    m = re.compile(rb"([FD][VMP]|CM[23]?) ").match(d, i)
    if not m:
        return None
    tok = m.group(1).decode()
    i = m.end()
    if tok[:2] == "CM":
        return compressed(tok, d, i)
    r, i = number(d, i)
    r = int(r)
    n = r
    shape = (r,)
    if tok[1] == "M":
        c, i = number(d, i)
        n = r * int(c)
        shape = (r, int(c))
    if tok[1] == "P":
        n = r * (r + 1) // 2
        shape = (n,)
    ty = "<f4" if tok[0] == "F" else "<f8"
    a = np.frombuffer(d, ty, n, i).astype(float).reshape(shape)
    return a, i + a.size * int(ty[2])


def tokens(path):
    """(binary?, [tag | array of numbers, ...]); matrices and vectors come between '[' and ']'."""
    d = Path(path).read_bytes()
    out = []
    if d[:2] == b"\0B":
        i = 2
        while i < len(d):
            a = array(d, i)
            if a is not None:
                out += ["[", a[0].ravel(), "]"]
                i = a[1]
            elif out and isinstance(out[-1], str) and out[-1] == "<class>":
                n = int.from_bytes(d[i + 1 : i + 5], "little")
                out += ["[", np.frombuffer(d, "<i4", n, i + 5).astype(float), "]"]
                i += 5 + 4 * n
            elif d[i] in (1, 2, 4, 8, 0xFF, 0xFE, 0xFC, 0xF8):
                v, i = number(d, i)
                out.append(np.array([v]))
            elif d[i : i + 1] in (b"T", b"F") and d[i + 1 : i + 2] in (b"<", b""):
                out.append(d[i : i + 1].decode())
                i += 1
            else:
                j = d.index(b" ", i)
                out.append(d[i:j].decode())
                i = j + 1
        return True, out
    run = []

    def flush():
        if run:
            out.append(np.array(run))
            run.clear()

    for t in d.decode().split():
        try:
            run.append(float(t))
        except ValueError:
            flush()
            out.append(t)
            continue
    flush()
    # an empty vector is "[ ]" in both forms: give it an empty array, as the binary reader does
    full = []
    for k, t in enumerate(out):
        full.append(t)
        if isinstance(t, str) and t == "[" and k + 1 < len(out) and isinstance(out[k + 1], str):
            full.append(np.zeros(0))
    return False, full


def table(path, kind):
    """{key: value} of an archive."""
    d = Path(path).read_bytes()
    i = 0
    res = {}
    while i < len(d):
        j = i
        while d[j : j + 1] not in (b" ", b"\t", b"\n", b""):
            j += 1
        if j == len(d):
            raise ValueError("the archive ends in a key")
        key = d[i:j].decode()
        i = j + 1
        if d[i : i + 2] == b"\0B":
            i += 2
            if kind == "post":
                n, i = number(d, i)
                v = []
                for _ in range(int(n)):
                    m, i = number(d, i)
                    fr = []
                    for _ in range(int(m)):
                        fr.append(
                            (
                                int.from_bytes(d[i + 1 : i + 5], "little"),
                                struct.unpack_from("<f", d, i + 6)[0],
                            )
                        )
                        i += 10
                    v.append(fr)
            elif kind == "gselect":
                n, i = number(d, i)
                v = []
                for _ in range(int(n)):
                    m = int.from_bytes(d[i + 1 : i + 5], "little")
                    i += 5  # each number with its size byte
                    v.append(
                        [
                            int.from_bytes(d[i + 5 * k + 1 : i + 5 * k + 5], "little")
                            for k in range(m)
                        ]
                    )
                    i += 5 * m
            elif kind == "int":
                v, i = number(d, i)
                v = np.array([v])
            else:
                v, i = array(d, i)
        elif kind in ("post", "gselect", "int"):
            j = d.index(b"\n", i)
            line = d[i:j].decode()
            i = j + 1
            if kind == "int":
                v = np.array([float(x) for x in line.split()])
            elif kind == "post":
                v = []
                for g in re.findall(r"\[([^\]]*)\]", line):
                    w = g.split()
                    v.append([(int(a), float(b)) for a, b in zip(w[::2], w[1::2], strict=False)])
            else:
                v = [[int(x) for x in g.split()] for g in line.split(";")]
                if v and not v[-1]:
                    v.pop()
        else:
            j = d.index(b"]", i)
            rows = [r.split() for r in d[i:j].decode().replace("[", "\n").strip().splitlines()]
            i = j + 1
            while d[i : i + 1] in (b" ", b"\n"):
                i += 1
            rows = [[float(x) for x in r] for r in rows if r]
            v = np.array(rows)
            if "vector" in kind:
                v = v.ravel()
            elif v.size == 0:
                v = np.zeros((0, 0))
        res[key] = v
    return res


def single(path):
    d = Path(path).read_bytes()
    if d[:2] == b"\0B":
        return array(d, 2)[0]
    t = d.decode()
    t = t[t.index("[") + 1 : t.rindex("]")]
    rows = [[float(x) for x in r.split()] for r in t.strip().splitlines() if r.strip()]
    return np.array(rows[0] if len(rows) == 1 and "\n" not in t.strip(" ") else rows)


def unpack(v):
    n = int((np.sqrt(8 * v.size + 1) - 1) / 2 + 0.5)
    m = np.zeros((n, n))
    m[np.tril_indices(n)] = v
    return m + np.tril(m, -1).T
