"""The plan as text."""

import collections

from steps_py.errors import some
from steps_py.plan.jobs import order, waits_for
from steps_py.plan.sizes import ASSUMED, COUNTED, NUM_HEADERS, PUBLISHED

TITLES = ("rule", "jobs", "threads", "memory", "a job", "in all", "written", "each reads")


def report(plan):
    """All lines of a `steps_py.plan.plan.Plan`."""
    lines = [*table([TITLES, *map(_row, by_rule(plan.steps))], left=1), ""]
    lines += table([("slots", "GPUs", "wall time", "most in use", "most on disk"), *_walls(plan)])
    lines += ["", *_totals(plan), ""]
    lines += table([("size of", "utterances", "hours", "trials", "figure"), *_sizes(plan)], left=1)
    return [*lines, "", *_notes(plan)]


def by_rule(steps):
    """Pairs of rule and its steps, in the order in which the rules can begin."""
    waits, rules = waits_for([step.job for step in steps]), collections.defaultdict(list)
    depths = {}
    for place in order(waits):
        depths[place] = 1 + max((depths[before] for before in waits[place]), default=0)
        rules[steps[place].job.rule].append(place)
    first = {rule: min(depths[place] for place in places) for rule, places in rules.items()}
    return [(rule, [steps[p] for p in rules[rule]]) for rule in sorted(rules, key=first.get)]


def _row(rule_steps):
    rule, steps = rule_steps
    seconds = [step.seconds for step in steps]
    jobs = [step.job for step in steps]
    gpus = max(job.gpus for job in jobs)
    return (
        rule,
        f"{len(steps):,}",
        f"{max(job.threads for job in jobs)}{f' + {gpus} GPU' if gpus else ''}",
        show_bytes(max(job.mem_mb for job in jobs) * 1e6) if jobs[0].mem_mb else "-",
        show_seconds(max(seconds)),
        show_seconds(sum(seconds)),
        show_bytes(sum(sum(step.bytes.values()) for step in steps)),
        show_bytes(max(step.input_bytes for step in steps)),
    )


def _walls(plan):
    return [
        (
            f"{slots:,}",
            f"{plan.gpus}",
            show_seconds(line.seconds),
            f"{line.slots:,}",
            show_bytes(line.peak_bytes),
        )
        for slots, line in plan.timelines.items()
    ]


def _totals(plan):
    jobs = len(plan.steps)
    seconds = sum(step.seconds * step.job.threads for step in plan.steps)
    written = sum(sum(step.bytes.values()) for step in plan.steps)
    return [
        f"{jobs:,} jobs; {show_seconds(seconds)} times slots in all; {show_bytes(written)} written."
    ]


def _sizes(plan):
    return [
        (
            name,
            f"{size.utts:,.0f}" if size.utts else "-",
            f"{size.hours:,.1f}" if size.hours else "-",
            f"{size.trials:,.0f}" if size.trials else "-",
            size.source,
        )
        for name, size in plan.sizes.items()
    ]


def _notes(plan):
    costs, rules = plan.costs, {step.job.rule for step in plan.steps}
    lines = [f"unit costs: {costs.measured}", *costs.notes]
    if plan.learnt:
        lines.append(f"timed in this recipe (exp/benchmark): {', '.join(plan.learnt)}")
    unknown = sorted(rules - costs.rules.keys())
    if unknown:
        lines.append(f"unit costs unknown, 10 s per job: {', '.join(unknown)}")
    if plan.gpus:
        guessed = sorted(
            rule for rule in rules if rule in costs.rules and costs.rules[rule].assumed
        )
        if guessed:
            lines.append(f"times on a GPU are calculated, not measured: {', '.join(guessed)}")
    if plan.unsized:
        lines.append(f"files of unknown size, counted as empty: {some(plan.unsized)}")
    sources = {size.source for size in plan.sizes.values()}
    if ASSUMED in sources:
        lines.append(
            "assumed sizes: set better ones in plan.sizes, {<corpus>.<part>: {utts, hours}}"
        )
    if COUNTED in sources:
        lines.append(
            f"counted sizes: all files of a part, and the mean length of {NUM_HEADERS} of them"
        )
    if PUBLISHED in sources or ASSUMED in sources:
        lines.append("once data/ is prepared, its tables are counted instead")
    lines.append("not included: waiting in a scheduler's queue, slow network disks, failing jobs")
    return lines


def table(rows, left=0):
    """Rows as aligned lines: the first `left` columns to the left, the others to the right.

    >>> table([("rule", "jobs"), ("all", "1")], left=1)
    ['rule  jobs', 'all      1']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def show_seconds(seconds: float):
    """
    >>> show_seconds(0.25), show_seconds(95), show_seconds(5400), show_seconds(400000)
    ('0.2 s', '95 s', '1.5 h', '4.6 days')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    for unit, size, limit in (("s", 1, 100), ("min", 60, 60 * 60), ("h", 3600, 48 * 3600)):
        if seconds < limit:
            return f"{seconds / size:.0f} s" if unit == "s" else f"{seconds / size:.1f} {unit}"
    return f"{seconds / 86400:.1f} days"


def show_bytes(size: int) -> str:
    """
    >>> show_bytes(0), show_bytes(1500), show_bytes(30.5e9)
    ('-', '1.5 kB', '30.5 GB')
    """
    if size < 1:
        return "-"
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size:.0f} B"
