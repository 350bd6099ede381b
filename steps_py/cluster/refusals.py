"""Which keys of cluster.yaml to correct after qsub or sbatch has refused a job.

The messages are those of Son of Grid Engine 8.1.9, of Slurm's slurm_errno.c, and of the option
parsers of both commands.
"""

import re

SIZES = ("threads", "mem_mb", "gpu")
# part of a message -> keys under `default` or `rules.<rule>`
OF_SGE = {
    "requested project": ("sge.project",),
    "unknown queue": ("sge.queue",),
    "parallel environment": ("sge.pe",),
    "unknown resource|is not a .* value": ("sge.memory", "sge.time", "sge.gpu", "sge.resources"),
    "no suitable queues": (*SIZES, "runtime_min", "sge.queue", "sge.resources"),
    "invalid priority": ("sge.priority",),
    "invalid jobshare": ("sge.job_share",),
    "not allowed in objectname": ("sge.account",),
    "context list": ("sge.context",),
    "mail options list": ("sge.mail_type",),
    "invalid option argument": ("sge.extra",),
}
OF_SLURM = {
    "node configuration is not available": (
        *SIZES,
        *("slurm.partition", "slurm.constraint", "slurm.gres", "slurm.nodelist"),
    ),
    "More processors requested than permitted": ("threads",),
    "CPU count per node can not be satisfied": ("threads",),
    "Memory (required by task|specification can not be satisfied)": ("mem_mb", "max_mem_mb"),
    "Invalid generic resource|Invalid GRES|Invalid TRES": ("gpu", "slurm.gres"),
    "time limit is invalid|Invalid time limit|Invalid --time": ("runtime_min", "max_runtime_min"),
    "account.partition combination": ("slurm.account", "slurm.partition"),
    "Invalid account": ("slurm.account",),
    "invalid partition|group not permitted to use this partition": ("slurm.partition",),
    "partition configuration not available": ("slurm.partition", *SIZES),
    "Invalid qos": ("slurm.qos",),
    "accounting/QOS policy": (*SIZES, "runtime_min", "slurm.qos", "slurm.account"),
    "Invalid feature|Invalid constraint": ("slurm.constraint",),
    "reservation": ("slurm.reservation",),
    "Invalid node name|invalid node": ("slurm.nodelist", "slurm.exclude"),
    "license": ("slurm.licenses",),
    "--nice|nice value": ("slurm.nice",),
    "mail-type": ("slurm.mail_type",),
    "--signal|signal specification": ("slurm.signal",),
    "unrecognized option|invalid option|ambiguous|requires an argument": ("slurm.extra",),
}


KEYS = {"sge": OF_SGE, "slurm": OF_SLURM}


def remedy(scheduler: str, message: str, rules: list[str]) -> str:
    """A sentence that names the keys of cluster.yaml behind a refusal; empty if none is known.

    >>> remedy("slurm", "Batch job submission failed: Invalid qos specification", ["make_feats"])
    'Correct slurm.qos in cluster.yaml, under rules.make_feats or default.'
    >>> remedy("sge", 'Unable to run job: unknown queue "long.q"', ["score_trials"])
    'Correct sge.queue in cluster.yaml, under rules.score_trials or default.'
    >>> remedy("slurm", "sbatch: Access/permission denied", ["make_feats"])
    ''
    """
    for pattern, keys in KEYS[scheduler].items():
        if re.search(pattern, message, re.I):
            shown = f"{', '.join(keys[:-1])} or {keys[-1]}" if len(keys) > 1 else keys[0]
            places = ", ".join(f"rules.{rule}" for rule in rules[:3])
            return f"Correct {shown} in cluster.yaml, under {places} or default."
    return ""
