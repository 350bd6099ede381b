"""The sections ``sge`` and ``slurm`` of cluster.yaml, and how their keys reach jobs.

A key of a section is an option of qsub or sbatch by a readable name. Options without a key are
given in ``extra``, which is passed on unchanged; only options by which a run finds its jobs (name,
log, arrays) are refused there, before the first job.
"""

import dataclasses
import shlex


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sge:
    """Options of qsub, and the site's names of the complexes that jobs request."""

    queue: str | None = None  # -q
    project: str | None = None  # -P
    account: str | None = None  # -A
    pe: str = "smp"  # -pe
    memory: str | None = "mem_free"
    time: str | None = "h_rt"
    gpu: str | None = "gpu"
    resources: str | None = None  # a second -l
    priority: int | None = None  # -p
    job_share: int | None = None  # -js
    context: str | None = None  # -ac
    mail_user: str | None = None  # -M
    mail_type: str | None = None  # -m
    extra: str | None = None

    def snakemake_resources(self) -> dict[str, str]:
        """``sge_<key>`` for each key whose value is not the default.

        >>> Sge(queue="all.q", gpu=None).snakemake_resources()
        {'sge_queue': 'all.q', 'sge_gpu': 'none'}
        """
        defaults = Sge()
        return {
            f"sge_{key}": "none" if value is None else str(value)
            for key, value in dataclasses.asdict(self).items()
            if value != getattr(defaults, key)
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slurm:
    """Options of sbatch; each key is the option of that name."""

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    gres: str | None = None
    reservation: str | None = None
    nodelist: str | None = None
    exclude: str | None = None
    licenses: str | None = None
    nice: int | None = None
    mail_user: str | None = None
    mail_type: str | None = None
    signal: str | None = None
    extra: str | None = None

    def snakemake_resources(self) -> dict[str, str]:
        """Resources of snakemake-executor-plugin-slurm; options without one are in slurm_extra.

        >>> Slurm(qos="long", exclude="n[1-2]", extra="--hint=compute_bound").snakemake_resources()
        {'qos': 'long', 'slurm_extra': "--exclude='n[1-2]' --hint=compute_bound"}
        """
        given = {k: str(v) for k, v in dataclasses.asdict(self).items() if v is not None}
        extra = given.pop("extra", "")
        resources = {name: given.pop(key) for key, name in OF_PLUGIN.items() if key in given}
        options = [f"--{key.replace('_', '-')}={shlex.quote(given[key])}" for key in given]
        text = " ".join([*options, extra]).strip()
        return resources | ({"slurm_extra": text} if text else {})


SCHEDULERS = {"sge": Sge, "slurm": Slurm}

OF_PLUGIN = {
    "partition": "slurm_partition",
    "account": "slurm_account",
    "qos": "qos",
    "constraint": "constraint",
    "gres": "gres",
}

# Options by which a run finds its jobs, or that make several jobs of one: refused in `extra`.
RESERVED = {
    "sge": {"-N", "-o", "-e", "-j", "-t", "-b", "-sync", "-verify", "-terse", "-help"},
    "slurm": {
        *("--job-name", "-J", "--output", "-o", "--array", "-a", "--chdir", "-D"),
        *("--wait", "-W", "--wrap", "--test-only", "--parsable", "--help", "-h"),
    },
}


def fault_of_extra(scheduler: str, text: str) -> str | None:
    """What is wrong with a value of ``extra``, or None.

    >>> fault_of_extra("slurm", "--reservation=SPEECH-JAN")
    >>> fault_of_extra("slurm", "-J mine")
    'has -J, which the run sets itself; remove it'
    >>> fault_of_extra("sge", "-l 'a=1")
    'is not a list of shell words (No closing quotation); close the quote'
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        return f"is not a list of shell words ({error}); close the quote"
    for word in words:
        option = word.partition("=")[0]
        if scheduler == "slurm" and not option.startswith("--"):
            option = option[:2]  # the value may follow at once: -Jname
        if option in RESERVED[scheduler]:
            return f"has {option}, which the run sets itself; remove it"
    return None
