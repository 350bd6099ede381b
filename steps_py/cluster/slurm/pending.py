"""Why a pending job may never start, for a warning.

A job that Slurm cannot start stays in the queue without an error, and the workflow waits. The
run keeps waiting, because a person may lift the limit, but it prints the reason.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steps_py.cluster.slurm.client import Job

CURES = {
    "JobHeldUser": "held by you; `scontrol release {id}` releases it",
    "JobHeldAdmin": "held by an administrator; only they can release it",
    "launch failed requeued held": "its start failed; see the node, then `scontrol release {id}`",
    "JobHoldMaxRequeue": "requeued too often; see its node, then `scontrol release {id}`",
    "PartitionTimeLimit": "requests more time than its partition allows; lower runtime_min"
    " or max_runtime_min in cluster.yaml, or set another slurm.partition",
    "PartitionNodeLimit": "requests more than its partition allows for one job",
    "PartitionDown": "its partition is down",
    "PartitionInactive": "its partition starts no jobs",
    "BadConstraints": "no node satisfies its constraints; see slurm.constraint in cluster.yaml",
    "ReqNodeNotAvail": "the nodes that could run it are down, drained or reserved",
    "Nodes required for job are DOWN": "the nodes that could run it are down or drained",
    "AccountNotAllowed": "its slurm.account may not use its slurm.partition (cluster.yaml)",
    "InvalidAccount": "its account does not exist; correct slurm.account in cluster.yaml",
    "InvalidQOS": "its quality of service does not exist; correct slurm.qos in cluster.yaml",
    "Licenses": "waits for a licence",
    "QOSMaxMemoryPerJob": "requests more memory than its quality of service allows (mem_mb)",
    "QOSMaxCpuPerJobLimit": "requests more CPUs than its quality of service allows (threads)",
    "QOSMaxGRESPerJob": "requests more GPUs than its quality of service allows (gpu)",
    "QOSMaxWallDurationPerJobLimit": "requests more time than its QOS allows (runtime_min)",
    "AssocMaxWallDurationPerJobLimit": "requests more time than its account allows (runtime_min)",
    "AssocMaxCpuPerJobLimit": "requests more CPUs than its account allows (threads)",
    "AssocMaxMemPerJob": "requests more memory than its account allows (mem_mb)",
    "DependencyNeverSatisfied": "depends on a job that failed",
}


def cure(job: "Job") -> str | None:
    """Why this job may never start, and what to do; None for one that waits in the queue.

    >>> from steps_py.cluster.slurm.client import Job
    >>> cure(Job("7", "PENDING", "JobHeldUser"))
    'held by you; `scontrol release 7` releases it'
    >>> cure(Job("7", "PENDING", "Priority"))
    """
    if job.state not in ("PENDING", "SPECIAL_EXIT"):
        return None
    reason = job.reason.strip("()")
    for known, words in CURES.items():
        if reason.replace("_", " ").startswith(known.replace("_", " ")):
            return words.format(id=job.id)
    return None
