"""How files of the i-vector reference are compared: see tests/golden/kaldi_ivector/README.md.

What is random in Kaldi is compared by what does not depend on it; columns of an extractor's
matrices and rows of transforms are compared up to sign.
"""

import struct
import wave
from pathlib import Path

import numpy as np

from tests.support.kaldi_object_reader import single, table, tokens, unpack

OLD = {
    "matrix": (1e-4, 5e-3),
    "dmatrix": (1e-4, 5e-3),
    "vector": (1e-3, 2e-3),
    "dvector": (1e-3, 2e-3),
    "vector_file": (1e-4, 1e-4),
    "matrix_file": (1e-3, 1e-3),
    "text": (2e-3, 2e-3),
    "scores": (2e-3, 2e-3),
}


def close(a, b, rtol, atol, most=0.0):
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape:
        return f"shape {a.shape} against {b.shape}"
    if a.size == 0:
        return None
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    if not np.isfinite(a[~same]).all() or not np.isfinite(b[~same]).all():
        return "not finite"
    with np.errstate(invalid="ignore"):
        bad = ~same & (np.abs(a - b) > atol + rtol * np.abs(b))
    if bad.ndim == 2 and most:
        bad = bad.any(1)
    if bad.mean() <= most:
        return None
    furthest = np.abs(np.where(same, 0, a - b)).max()
    allowed = f"allowed {atol:.3g} + {rtol:.3g} of the value"
    return f"off by {furthest:.3g} in {bad.sum()} of {bad.size} ({allowed})"


def compare_tables(got, want, rtol, atol, signless=False, step=False, most=0.0):
    if list(got) != list(want):
        return f"keys {list(got)[:4]}.. against {list(want)[:4]}.. ({len(got)}/{len(want)})"
    for k in want:
        a, b = got[k], want[k]
        if a.size == 0 and b.size == 0:
            continue
        if signless:
            a, b = np.abs(a), np.abs(b)
        t = atol
        if step and b.size:
            t = max(atol, float((b.max(0) - b.min(0)).max()) / 120)
        e = close(a, b, rtol, t, most)
        if e:
            return f"{k}: {e}"


def compare_objects(got, want, rtol, atol, skip=(), names=True):
    (gb, g), (wb, w) = tokens(got), tokens(want)
    if gb != wb:
        return f"written {'in binary' if gb else 'as text'}"
    if len(g) != len(w):
        gt, wt = [x for x in g if isinstance(x, str)], [x for x in w if isinstance(x, str)]
        for a, b in zip(gt, wt, strict=False):
            if a != b:
                return f"'{a}' where '{b}' belongs"
        return f"{len(g)} parts against {len(w)}"
    tag = ""
    for a, b in zip(g, w, strict=False):
        if isinstance(a, str) or isinstance(b, str):
            if not (isinstance(a, str) and isinstance(b, str)):
                return f"after {tag}: {str(a)[:40]} against {str(b)[:40]}"
            if a != b and names:
                return f"'{a}' where '{b}' belongs"
            if b.startswith("<"):
                tag = b
            continue
        if tag in skip:
            if a.shape != b.shape:
                return f"{tag}: shape {a.shape} against {b.shape}"
            continue
        fin = np.abs(b[np.isfinite(b)])
        e = close(a, b, rtol, max(atol, 1e-6 * fin.max() if fin.size else 0))
        if e:
            return f"{tag}: {e}"


def parts(path):
    """{tag: [arrays that follow it]} of a Kaldi object."""
    res, tag = {}, ""
    for t in tokens(path)[1]:
        if isinstance(t, str):
            if t.startswith("<"):
                tag = t
                res.setdefault(tag, [])
        else:
            res[tag].append(t)
    return res


def moments(path, full):
    p = parts(path)
    w = p["<WEIGHTS>"][0]
    k = w.size
    if full:
        S = [np.linalg.inv(unpack(v)) for v in p["<INV_COVARS>"]]
        m = np.array(
            [s @ x for s, x in zip(S, p["<MEANS_INVCOVARS>"][0].reshape(k, -1), strict=False)]
        )
        v = sum(a * (s + np.outer(x, x)) for a, s, x in zip(w, S, m, strict=False))
        mean = w @ m
        return k, w.sum(), mean, v - np.outer(mean, mean)
    iv = p["<INV_VARS>"][0].reshape(k, -1)
    m = p["<MEANS_INVVARS>"][0].reshape(k, -1) / iv
    mean = w @ m
    return k, w.sum(), mean, w @ (1 / iv + m * m) - mean**2


def compare_moments(got, want, full, rtol, atol):
    g, w = moments(got, full), moments(want, full)
    if g[0] != w[0]:
        return f"{g[0]} Gaussians against {w[0]}"
    return (
        close(g[1], w[1], 1e-4, 1e-4)
        or close(g[2], w[2], rtol, atol)
        or close(g[3], w[3], rtol, atol)
    )


def extractor(path):
    b, _ = tokens(path)
    p = parts(path)
    M = [x for x in p["<M>"] if x.size > 1] or p["<M>"][1:]
    D = unpack(p["<SigmaInv>"][0]).shape[0]
    return dict(
        binary=b,
        w=p["<w>"][0] if p["<w>"] else np.zeros(0),
        wvec=p["<w_vec>"][0] if p["<w_vec>"] else np.zeros(0),
        M=np.array([x.reshape(D, -1) for x in M]),
        S=np.array(p["<SigmaInv>"]),
        off=p["<IvectorOffset>"][0],
    )


def compare_extractors(kind, got, want, rtol, atol):
    g, w = extractor(got), extractor(want)
    if g["binary"] != w["binary"]:
        return "written in binary" if g["binary"] else "written as text"
    if g["M"].shape != w["M"].shape or g["w"].shape != w["w"].shape:
        return f"shape {g['M'].shape} against {w['M'].shape}"

    def c(n, a, b):
        e = close(a, b, rtol, max(atol, 1e-6 * np.abs(b).max() if np.size(b) else 0))
        return e and f"{n}: {e}"

    e = (
        c("offset", g["off"], w["off"])
        or c("w_vec", g["wvec"], w["wvec"])
        or c("SigmaInv", g["S"], w["S"])
    )
    if e:
        return e
    gm, wm = g["M"], w["M"]
    if kind == "ie_init":
        x = gm[:, :, 1:]
        if abs(x.mean()) > 5 / np.sqrt(x.size) or abs(x.std() - 1) > 5 / np.sqrt(2 * x.size):
            return f"random part of M has mean {x.mean():.3f}, deviation {x.std():.3f}, not 0 and 1"
        return c("M, first column", gm[:, :, 0], wm[:, :, 0]) or c("w", g["w"], w["w"])
    e = c("M, first column", gm[:, :, 0], wm[:, :, 0])
    if e:
        return e
    if kind == "ie_rot":
        a, b = (m[:, :, 1:].reshape(-1, m.shape[2] - 1) for m in (gm, wm))
        return c("M M'", a @ a.T, b @ b.T)
    s = np.sign((gm * wm).sum((0, 1)))
    s[0] = 1
    gw = g["w"].reshape(-1, gm.shape[2]) * s if g["w"].size else g["w"]
    ww = w["w"].reshape(-1, gm.shape[2]) if w["w"].size else w["w"]
    return c("M", gm * s, wm) or c("w", gw, ww)


def compare_frames(kind, got, want, rtol, atol, most):
    """Same lists for each frame; a rare near-tie may swap or prune differently."""
    g, w = table(got, kind), table(want, kind)
    if list(g) != list(w):
        return f"keys {list(g)[:4]}.. against {list(w)[:4]}.. ({len(g)}/{len(w)})"
    bad = n = 0
    first = None
    for k in w:
        if len(g[k]) != len(w[k]):
            return f"{k}: {len(g[k])} frames against {len(w[k])}"
        for t, (a, b) in enumerate(zip(g[k], w[k], strict=False)):
            n += 1
            if kind == "gselect":
                ok = a == b
            elif [x for x, _ in a] == [x for x, _ in b]:
                ok = close([x for _, x in a], [x for _, x in b], rtol, atol) is None
            else:  # near-equal values in another order are the same thing
                da, db = dict(a), dict(b)
                va, vb = [x for _, x in a], [x for _, x in b]
                ok = (
                    len(a) == len(b)
                    and set(da) == set(db)
                    and close([da[x] for x in db], list(db.values()), rtol, atol) is None
                    and close(va, vb, rtol, atol) is None
                )
            if not ok:
                bad += 1
                first = first or f"{k} frame {t}: {str(a)[:70]} against {str(b)[:70]}"
    return None if bad <= max(most, 0.005) * n else f"{bad} of {n} frames differ, {first}"


def read_plda(p):
    d = parts(p)["<Plda>"]
    n = d[0].size
    return [d[0], d[1].reshape(n, n), d[2]]


def words(text):
    return [line.split() for line in text.splitlines()]


def compare_words(g, w, rtol, atol, name):
    g, w = words(g), words(w)
    if len(g) != len(w):
        return f"{name}: {len(g)} lines against {len(w)}"
    for i, (x, y) in enumerate(zip(g, w, strict=False)):
        if len(x) != len(y):
            return f"{name}:{i + 1}: '{' '.join(x)[:60]}' against '{' '.join(y)[:60]}'"
        for a, b in zip(x, y, strict=False):
            if a == b:
                continue
            try:
                e = close(float(a), float(b), rtol, atol)
            except ValueError:
                e = "differs"
            if e:
                return f"{name}:{i + 1}: '{a}' against '{b}'"


def raw(kind, p):
    d = Path(p).read_bytes()
    if kind == "htk":
        return list(struct.unpack_from(">iihh", d)), np.frombuffer(d, ">f4", -1, 12)
    return [
        int(struct.unpack_from("<i", d)[0])
        if struct.unpack_from("<i", d)[0] * 4 + 4 == len(d)
        else int(struct.unpack_from(">i", d)[0])
    ], np.frombuffer(d, "<f4" if struct.unpack_from("<i", d)[0] * 4 + 4 == len(d) else ">f4", -1, 4)


def compare(kind, got, want, case):
    name = case["name"]
    if not got.exists():
        return f"{got.name}: not written"
    rtol, atol = OLD.get(kind, (1e-3, 1e-4))
    rtol = case.get("rtol") or rtol
    atol = case.get("atol") or atol
    most = case.get("most") or 0.0

    def tag(problem):
        return problem and f"{got.name}: {problem}"

    if kind in ("matrix", "dmatrix", "vector", "dvector", "int"):
        k = "vector" if "vector" in kind else kind
        return tag(
            compare_tables(
                table(got, k),
                table(want, k),
                rtol,
                atol,
                step=kind == "matrix" and "compress" in name and "compute" not in name,
                signless=kind == "vector" and name.startswith("lda"),
                most=most,
            )
        )
    if kind == "vector_file" or kind in ("mat", "vec"):
        return tag(close(single(got), single(want), rtol, atol))
    if kind == "matrix_file":
        return tag(close(np.abs(single(got)), np.abs(single(want)), rtol, atol))
    if kind in ("gmm", "fgmm", "gmmacc", "fgmmacc", "iestats", "lr", "nnet", "object"):
        e = compare_objects(got, want, rtol, atol, case.get("skip") or ())
        if not e and case.get("skip") and kind in ("gmm", "fgmm"):
            e = compare_moments(got, want, kind == "fgmm", 1e-2, 1e-2)
        return tag(e)
    if kind in ("gmm_moments", "fgmm_moments"):
        return tag(compare_moments(got, want, kind[0] == "f", rtol, atol))
    if kind in ("ie", "ie_rot", "ie_init"):
        return tag(compare_extractors(kind, got, want, rtol, atol))
    if kind in ("post", "gselect"):
        return tag(compare_frames(kind, got, want, rtol, atol, most))
    if kind in ("htk", "sphinx"):
        (h, a), (i, b) = raw(kind, got), raw(kind, want)
        return tag(f"header {h} against {i}" if h != i else close(a, b, rtol, atol))
    if kind == "plda":
        try:
            g, w = read_plda(got), read_plda(want)
        except Exception as e:
            return f"{got.name}: unreadable: {e}"
        return (
            close(g[0], w[0], 1e-3, 1e-3)
            or close(g[2], w[2], 2e-3, 1e-3)
            or close(np.abs(g[1]), np.abs(w[1]), 5e-3, 5e-3)
        )
    if kind == "wav":
        with wave.open(str(got)) as a, wave.open(str(want)) as b:
            if a.getparams()[:3] != b.getparams()[:3]:
                return f"wav {a.getparams()[:3]} against {b.getparams()[:3]}"
            x = np.frombuffer(a.readframes(a.getnframes()), "<i2")
            y = np.frombuffer(b.readframes(b.getnframes()), "<i2")
        return close(x, y, 0, 2)
    if kind in ("text", "scores"):
        return compare_words(got.read_text(), want.read_text(), rtol, atol, got.name)
    return f"unknown kind {kind}"
