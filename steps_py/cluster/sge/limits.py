"""Which request of a job exceeds what the largest host of the site has.

Requests are compared with the configuration of hosts and queues, not with what is free now: a
job that can run when others have ended is not reported. `qsub -w v` cannot be used: it calls
every request for a load value such as mem_free unknown.
"""

import json
import re
import time

from steps_py.cluster.sge import jobs
from steps_py.cluster.sge.jobs import STATE
from steps_py.cluster.sge.options import complexes, site_of

AGE_S = 3600
TOTAL_OF = {"mem_free": "mem_total", "virtual_free": "virtual_total", "swap_free": "swap_total"}
UNITS = {"": 1, "k": 1e3, "K": 2**10, "m": 1e6, "M": 2**20, "g": 1e9, "G": 2**30}
UNITS |= {"t": 1e12, "T": 2**40}
MB = 2**20


def excess(work):
    """One line about each request that no host can satisfy; none if that is not certain."""
    hosts, queues = site()
    if not hosts or not queues:
        return []
    names, lines = site_of(work), []
    if "memory" in names and work["mem_mb"]:
        most = most_of(names["memory"], hosts, queues)
        if most is not None and work["mem_mb"] * MB > most:
            what = f"{work['mem_mb']} MB of memory ({names['memory']})"
            lines.append(line(work, what, f"{most / MB:.0f} MB", "mem_mb", int(most / MB)))
    if "gpu" in names and work["gpu"]:
        most = most_of(names["gpu"], hosts, queues)
        if most is not None and work["gpu"] > most:
            what = f"{work['gpu']} GPUs ({names['gpu']})"
            lines.append(line(work, what, f"{most:.0f}" if most else "none", "gpu"))
    most = sum(queue["slots"] for queue in queues)  # a job may have slots of several on a host
    if work["threads"] > 1 and work["threads"] > most:
        what = f"{work['threads']} threads (slots of the queues)"
        lines.append(line(work, what, f"{most}", "threads"))
    most = max(queue["h_rt"] for queue in queues)
    if names.get("time") == "h_rt" and work["runtime_min"] * 60 > most:
        what = f"{work['runtime_min']} min of run time (h_rt of the queues)"
        lines.append(line(work, what, f"{most / 60:.0f} min", "runtime_min", int(most / 60)))
    return lines


def line(work, what: str, most: str, key: str, limit: int | None = None) -> str:
    """What is requested, what the largest host has, and the key of cluster.yaml to change.

    If only a later attempt exceeds it, the key is that of the upper limit.
    """
    attempt, first = work.get("attempt", 1), work.get(key, 0) // work.get("attempt", 1)
    if limit is not None and attempt > 1 and first <= limit:
        cure = f"Set {key_of(work, f'max_{key}')} to {limit} or less"
    else:
        cure = f"Lower {key_of(work, key)}"
    return (
        f"{work['rule']} cannot run: it requests {what}, and the largest host has {most}."
        f" {cure} in cluster.yaml, then start the run again."
    )


def key_of(work, key: str):
    """``rules.<rule>.<key>``; for a group, of each of its rules."""
    rules = sorted({target.partition(":")[0] for target in work["targets"]})
    rules = rules if work["group"] and rules else [work["rule"]]
    names = [f"rules.{rule}.{key}" for rule in rules[:3]]
    more = f" and {len(rules) - 3} more of the group {work['rule']}" if len(rules) > 3 else ""
    return " or ".join(names) + more


def most_of(name: str, hosts, queues):
    """The most of a complex that one host has, None if it is unknown."""
    known = complexes().get(name)
    if known is None:  # qsub refuses it
        return None
    name = known["name"]
    amounts = [number(place["complex_values"].get(name)) for place in [*hosts, *queues]]
    amounts = [amount for amount in amounts if amount is not None]
    if not amounts and name in TOTAL_OF:
        amounts = [number(host["load_values"].get(TOTAL_OF[name])) for host in hosts]
        if None in amounts:  # a host that is down may be the largest
            return None
    if amounts:
        return max(amounts)
    return None if known["consumable"] == "NO" else 0


def site():
    """(hosts, queues): their limits from qconf, cached for an hour; empty if it is silent."""
    cache = STATE / "limits"
    try:
        if time.time() - cache.stat().st_mtime < AGE_S:
            return json.loads(cache.read_text())
    except (OSError, ValueError):
        pass
    hosts = [host_of(shown) for shown in shown_each("-sel", "-se")]
    queues = [queue_of(shown) for shown in shown_each("-sql", "-sq")]
    for everywhere in shown_each(None, "-se", ["global"]):
        queues and queues[0]["complex_values"].update(pairs(everywhere.get("complex_values")))
    found = hosts, queues
    jobs.write(cache, json.dumps(found))
    return found


def shown_each(lists, shows, names=()):
    """The output of qconf for each host or queue as {key: value}; [] if one cannot be read."""
    if lists:
        answer = jobs.ask("qconf", lists)
        names = answer.stdout.split() if answer and answer.returncode == 0 else []
    found = []
    for name in names:
        answer = jobs.ask("qconf", shows, name)
        if answer is None or answer.returncode:
            return []
        text = re.sub(r"\\\n\s*", "", answer.stdout)
        found.append(dict(re.findall(r"^(\w+) +(.*?) *$", text, re.M)))
    return found


def host_of(shown):
    return {key: pairs(shown.get(key)) for key in ("complex_values", "load_values")}


def queue_of(shown):
    """The most that an instance of a queue has; a value can differ by host: ``8,[big=64]``."""
    slots = [int(text) for text in re.findall(r"(?:^|=)(\d+)", shown.get("slots", ""))]
    times = re.findall(r"(?:^|=)([\w:]+)", shown.get("h_rt", ""))
    return {
        "complex_values": pairs(shown.get("complex_values")),
        "slots": max(slots, default=10**9),
        "h_rt": max(map(seconds, times), default=10**12),
    }


def pairs(text: str):
    """{key: value} of ``a=1,b=2``; the largest value of a key that occurs several times.

    >>> pairs("gpu=2,ram=16G,[big=gpu=8]"), pairs("NONE")
    ({'gpu': '8', 'ram': '16G'}, {})
    """
    found = {}
    for key, value in re.findall(r"(\w+)=([\w.+:-]+)(?=[,\]\s]|$)", text or ""):
        if key not in found or (number(value) or 0) > (number(found[key]) or 0):
            found[key] = value
    return found


def number(text: str):
    """SGE's number with a unit, or None.

    >>> number("2k"), number("1.5G"), number("lx-amd64")
    (2000.0, 1610612736.0, None)
    """
    found = re.fullmatch(r"([\d.]+)([kKmMgGtT]?)", text or "")
    return float(found[1]) * UNITS[found[2]] if found else None


def seconds(text: str):
    """Seconds of SGE's ``hh:mm:ss``, of a number, or of INFINITY.

    >>> seconds("24:00:00"), seconds("600")
    (86400, 600)
    """
    if not re.fullmatch(r"[\d:]+", text):
        return 10**12
    total = 0
    for part in text.split(":"):
        total = total * 60 + int(part or 0)
    return total
