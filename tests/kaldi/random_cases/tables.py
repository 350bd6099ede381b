"""Tables copied and selected from."""

import numpy as np

from tests.kaldi.random_cases.draw import Case, family


@family
def copies(draw):
    """copy-feats with compression, ranges, text; lengths and dimensions."""
    table, feats = draw.features(scp=True)
    if draw.chance(0.5):
        lines = (draw.folder / "feats.scp").read_text().splitlines()
        for number, x_TD in enumerate(feats.values()):
            row = draw.integer(0, len(x_TD) - 1)
            last = draw.integer(row, len(x_TD) - 1 + draw.chance(0.1))
            col = draw.integer(0, x_TD.shape[1] - 1)
            span = draw.one_of(f"{row}:{last}", f"{row}:{last},{col}:{col}", f":,{col}:{col}")
            lines[number] += f"[{span}]"
        draw.lines("feats.scp", lines)
    kind = draw.one_of("plain", "compress", "compress", "text", "len", "dim")
    if kind == "len":
        return Case(f"feat-to-len {table} ark,t:OUT/len", {"len": "text"})
    if kind == "dim":
        return Case(f"feat-to-dim {table} ark,t:OUT/dim", {"dim": "text"})
    out, settings, outputs = "ark:OUT/feats.ark", "", {"feats.ark": "matrix"}
    if kind == "compress":
        settings = f"--compress=true --compression-method={draw.integer(1, 7)}"
        if draw.chance(0.5):  # and what is compressed is read again
            out = f"ark:- | copy-feats ark:- {out}"
    if kind == "text":
        out, outputs = "ark,t:OUT/feats.txt", {"feats.txt": "text"}
    if draw.chance(0.3):
        settings += " --write-num-frames=ark,t:OUT/num_frames"
        outputs["num_frames"] = "text"
    return Case(f"copy-feats {settings} {table} {out}", outputs)


@family
def tables(draw):
    """Names of tables: options, offsets, pipes, text and binary, single and double precision."""
    kind, command = draw.one_of(("Matrix", "copy-feats"), ("Vector", "copy-vector"))
    precision = draw.one_of("Float", "Double")
    keys = sorted(f"utt{i}" for i in draw.rng.choice(99, draw.integer(1, 6), replace=False))
    shape = [draw.integer(1, 20) for _ in range(1 + (kind == "Matrix"))]
    entries = {
        key: draw.rng.normal(0, 10, shape).astype("f4" if precision == "Float" else "f8")
        for key in keys
    }
    table = draw.table("data", f"{precision}{kind}", entries, scp=True)
    names = ["p", "s", "cs", "o", "bg"]
    if draw.chance(0.5):
        table = "ark:in/data.ark"
    elif draw.chance(0.4):  # an entry that is not there, and what p makes of it
        names.remove("bg")  # Kaldi hangs
        lines = (draw.folder / "data.scp").read_text().splitlines()
        lines.insert(draw.integer(0, len(lines)), draw.one_of("zzz in/none.ark:5", "zzz false |"))
        draw.lines("data.scp", lines)
    kind_of_table, _, place = table.partition(":")
    options = [name for name in names if draw.chance(0.3)]
    if draw.chance(0.3):
        place = f"cat {place} |"
    source = ",".join([kind_of_table, *options]) + f":{place}"
    line, target = f"{command} '{source}'", "OUT/out.ark"
    how = draw.one_of("ark", "ark,t", "ark,scp", "pipe", "random")
    if how == "random" and kind == "Matrix":
        voiced = {key: np.ones(shape[0], np.float32) for key in keys if draw.chance(0.8)}
        draw.table("vad", "FloatVector", voiced)
        line = f"select-voiced-frames ark:in/data.ark '{source.replace('data', 'vad')}'"
        line = line.replace("scp", "ark").replace("none.ark:5", "")
        line += f" ark:{target}"
    elif how == "pipe":
        line += f" ark:'| cat > {target}'"
    elif how == "ark,scp":
        line += f" ark,scp:{target},OUT/out.scp && {command} scp:OUT/out.scp ark:OUT/again.ark"
        target = "OUT/again.ark"
    else:
        line += f" {how if how != 'random' else 'ark'}:{target}"
    return Case(line, {target.removeprefix("OUT/"): kind.lower()})
