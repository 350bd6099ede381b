"""nnet3 networks of random layers."""

import os
import re
import subprocess
from pathlib import Path

from tests.kaldi.random_cases.draw import Case, family


@family
def network(draw):
    """nnet3-copy, nnet3-info and nnet3-xvector-compute with a small random x-vector network."""
    nodes, has_dropout = _random_network(draw)
    kind = draw.one_of("info", "copy", "xvector", "xvector", "xvector")
    if kind == "info":
        return Case("nnet3-info in/network.raw > OUT/info", {"info": "text"})
    edit = draw.one_of("none", "config", "edits", "options")
    settings = ""
    if edit == "config":
        draw.lines("extract.config", [f"output-node name=output input={draw.one_of(*nodes)}"])
        settings = "--nnet-config=in/extract.config"
    elif edit == "edits":
        edits = [
            "remove-orphans",
            "rename-node old-name=pool new-name=pooled",
            "set-learning-rate name=affine* learning-rate=0.25",
            "set-learning-rate-factor learning-rate-factor=0.5",
            "remove-orphan-components",
        ]
        if has_dropout:
            edits.append("set-dropout-proportion name=* proportion=0.3")
        chosen = [text for text in edits if draw.chance(0.4)]
        settings = f"'--edits={';'.join(chosen)}'" if chosen else ""
    elif edit == "options":
        settings = draw.options(
            {
                "learning-rate": (0.1, 0.003),
                "scale": (0.5, 1.0),
                "prepare-for-test": ("true", "false"),
                "batchnorm-test-mode": ("true", "false"),
            }
        )
    if kind == "copy":
        line = f"nnet3-copy {settings} in/network.raw OUT/copy.raw"
        return Case(
            f"{line} && nnet3-copy --binary=false OUT/copy.raw OUT/copy.txt", {"copy.txt": "text"}
        )
    table, _ = draw.features(dim=7, high=200)
    sizes = draw.options(
        {
            "chunk-size": (-1, 30, 60, 10000),
            "min-chunk-size": (15, 25, 100),
            "pad-input": ("true", "false"),
        },
        0.7,
    )
    if "chunk-size=30" in sizes or "chunk-size=60" in sizes:
        # Without padding, chunks below the minimum leave nothing, of which Kaldi makes nan.
        sizes = sizes.replace("--pad-input=false", "--pad-input=true")
    model = f"'nnet3-copy {settings} in/network.raw - |'" if settings else "in/network.raw"
    model = model.replace("''", "'").replace(" '--", " --").replace("' in", " in")
    if "edits" in settings:
        model = f"<(nnet3-copy {settings} in/network.raw -)"
    return Case(
        f"nnet3-xvector-compute --use-gpu=no {sizes} {model} {table} ark:OUT/v.ark",
        {"v.ark": "vector"},
    )


def _random_network(draw):
    """Write in/network.raw with Kaldi's nnet3-init; names of nodes after the pooling."""
    lines, after = ["input-node name=input dim=7"], []
    source, dim, has_dropout = "input", 7, False

    def add(name, kind, node_input, settings):
        lines.append(f"component name={name} type={kind} {settings}")
        lines.append(f"component-node name={name} component={name} input={node_input}")

    def affine(name, node_input, num_inputs, num_outputs):
        kind = draw.one_of(
            "NaturalGradientAffineComponent", "AffineComponent", "NaturalGradientAffineComponent"
        )
        add(name, kind, node_input, f"input-dim={num_inputs} output-dim={num_outputs}")

    def activation(name, node_input, width):
        kind = draw.one_of(
            *("RectifiedLinearComponent",) * 4, "SigmoidComponent", "TanhComponent", "NoOpComponent"
        )
        add(f"{name}.act", kind, node_input, f"dim={width}")
        if draw.chance(0.6):
            rms = draw.one_of(1.0, 0.5)
            add(
                f"{name}.norm", "BatchNormComponent", f"{name}.act", f"dim={width} target-rms={rms}"
            )
            return f"{name}.norm"
        return f"{name}.act"

    for number in range(draw.integer(1, 3)):
        offsets = draw.one_of((0,), (-1, 0, 1), (-2, 0, 2), (-3, 1), (-2, -1, 0, 1, 2))
        parts = [f"Offset({source}, {o})" if o else source for o in offsets]
        joined = f"Append({', '.join(parts)})" if len(parts) > 1 else parts[0]
        width = draw.integer(2, 9)
        affine(f"affine{number}", joined, dim * len(offsets), width)
        source, dim = activation(f"affine{number}", f"affine{number}", width), width
    if draw.chance(0.15):
        add("drop", "DropoutComponent", source, f"dim={dim} dropout-proportion=0.1")
        source, has_dropout = "drop", True
    variance = draw.chance(0.8)
    period = draw.one_of(1, 1, 1, 2)
    counts = draw.one_of(0, 0, 1)
    stats_dim = 1 + dim * (1 + variance)
    stddevs = draw.one_of("true", "false") if variance else "false"
    context = draw.one_of((0, 10000), (10000, 10000), (10000, 0))
    flag = "true" if variance else "false"
    add(
        "stats",
        "StatisticsExtractionComponent",
        source,
        f"input-dim={dim} input-period=1 output-period={period} include-variance={flag}",
    )
    add(
        "pool",
        "StatisticsPoolingComponent",
        "stats",
        f"input-dim={stats_dim} input-period={period} left-context={context[0]}"
        f" right-context={context[1]} num-log-count-features={counts} output-stddevs={stddevs}",
    )
    affine("segment0", f"Round(pool, {period})", stats_dim - 1 + counts, 6)
    after.append("segment0")
    source = activation("segment0", "segment0", 6)
    affine("segment1", source, 6, 5)
    after.append("segment1")
    if draw.chance(0.5):
        add("softmax", draw.one_of("LogSoftmaxComponent", "SoftmaxComponent"), "segment1", "dim=5")
        after.append("softmax")
    lines.append(f"output-node name=output input={after[-1]}")
    draw.lines("network.config", lines)
    _initialise(draw)
    return after, has_dropout


def _initialise(draw):
    """network.config to network.raw with random weights and statistics, binary or text."""
    folder = Path(os.environ["KALDI_ROOT"], "src/nnet3bin")
    text = subprocess.run(
        f"{folder}/nnet3-init --srand={draw.integer(1, 10**6)} {draw.folder}/network.config - |"
        f" {folder}/nnet3-copy --binary=false - -",
        shell=True,
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    def with_statistics(match):
        dim = int(match["dim"])
        mean, variance = draw.rng.normal(0, 1, dim), draw.rng.uniform(0.2, 3, dim)
        mean, variance = (" ".join(f"{x:.5f}" for x in y) for y in (mean, variance))
        return f"{match['head']}<Count> 500 <StatsMean>  [ {mean} ]\n<StatsVar>  [ {variance} ]\n"

    text = re.sub(
        r"(?P<head><Dim> (?P<dim>\d+) <BlockDim>.*)<Count> 0 <StatsMean> .*\n<StatsVar> .*\n",
        with_statistics,
        text,
    )
    (draw.folder / "network.txt").write_text(text)
    copy = f"{folder}/nnet3-copy --binary={draw.one_of('true', 'false')}"
    subprocess.run(
        f"{copy} {draw.folder}/network.txt {draw.folder}/network.raw",
        shell=True,
        check=True,
        capture_output=True,
    )
