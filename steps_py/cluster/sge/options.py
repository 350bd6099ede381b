"""The options of qsub for a job: names of complexes, queue and so on are the site's."""

import shlex

from steps_py.cluster.sge import jobs
from steps_py.cluster.sge.jobs import STATE

# Defaults of steps_py.cluster.schedulers, not imported because these scripts start in 20 ms.
NAMES = {"pe": "smp", "memory": "mem_free", "time": "h_rt", "gpu": "gpu"}
OPTIONS = {
    "queue": "-q",
    "project": "-P",
    "account": "-A",
    "resources": "-l",
    "priority": "-p",
    "job_share": "-js",
    "context": "-ac",
    "mail_user": "-M",
    "mail_type": "-m",
}


def site_of(work):
    """The section sge of cluster.yaml for this job, without the keys that are null."""
    site = {**NAMES, **work["sge"]}
    return {key: value for key, value in site.items() if value != "none"}


def options(work):
    """All arguments between qsub and the script."""
    site = site_of(work)
    given = ["-terse", "-cwd", "-S", "/bin/bash", "-N", work["name"], "-j", "y", "-o", "/dev/null"]
    given += ["-r", "n", "-notify"]
    for key, option in OPTIONS.items():
        if key in site:
            given += [option, str(site[key])]
    if work["threads"] > 1:
        given += ["-pe", site["pe"], str(work["threads"])]
    asked = []
    if "memory" in site and work["mem_mb"]:
        mem_mb = work["mem_mb"]
        if is_per_slot(site["memory"]):
            mem_mb = -(-mem_mb // work["threads"])
        asked.append(f"{site['memory']}={mem_mb}M")
    if "time" in site and work["runtime_min"]:
        asked.append(f"{site['time']}={work['runtime_min'] * 60}")
    if "gpu" in site and work["gpu"]:
        asked.append(f"{site['gpu']}={work['gpu']}")
    if asked:
        given += ["-l", ",".join(asked)]
    return given + shlex.split(site.get("extra", ""))


def is_per_slot(name: str):
    """Whether SGE multiplies a request by the slots of a job (consumable: YES)."""
    return complexes().get(name, {}).get("consumable") == "YES"


def complexes():
    """{name or shortcut: {name, consumable}} of the site's complexes, cached in the recipe."""
    cache = STATE / "complexes"
    if not cache.exists():
        while (answer := jobs.ask("qconf", "-sc")) is None:
            jobs.say_waiting()
        jobs.write(cache, answer.stdout)
    rows = [line.split() for line in cache.read_text().splitlines()]
    return {
        name: {"name": row[0], "consumable": row[5]}
        for row in rows
        if len(row) == 8
        for name in row[:2]
    }
