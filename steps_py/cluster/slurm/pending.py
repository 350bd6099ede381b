"""Jobs that wait for what may never come, told to the user in words.

A job that Slurm cannot start stays in the queue for ever without an error, and a
workflow waits with it.  Waiting is right, for a person may lift the limit; silence
is not.
"""

CURES = {
    "JobHeldUser": "held by you; `scontrol release {id}` lets it go",
    "JobHeldAdmin": "held by an administrator; only they can release it",
    "launch failed requeued held": "its start failed; see the node, then `scontrol release {id}`",
    "JobHoldMaxRequeue": "put back too often; see its node, then `scontrol release {id}`",
    "PartitionTimeLimit": "asks for more time than its partition gives; lower runtime_min"
    " or max_runtime_min in cluster.yaml, or name another partition",
    "PartitionNodeLimit": "asks for more than its partition gives to one job",
    "PartitionDown": "its partition is down",
    "PartitionInactive": "its partition takes no jobs to run",
    "BadConstraints": "no node can ever be what it asks for",
    "ReqNodeNotAvail": "the nodes that could run it are down, drained or reserved",
    "Nodes required for job are DOWN": "the nodes that could run it are down or drained",
    "AccountNotAllowed": "its account may not use its partition",
    "InvalidAccount": "its account does not exist",
    "InvalidQOS": "its quality of service does not exist",
    "Licenses": "waits for a licence",
    "QOSMaxMemoryPerJob": "asks for more memory than its quality of service allows",
    "QOSMaxCpuPerJobLimit": "asks for more threads than its quality of service allows",
    "QOSMaxGRESPerJob": "asks for more GPUs than its quality of service allows",
    "QOSMaxWallDurationPerJobLimit": "asks for more time than its quality of service allows",
    "AssocMaxWallDurationPerJobLimit": "asks for more time than its account allows",
    "AssocMaxCpuPerJobLimit": "asks for more threads than its account allows",
    "AssocMaxMemPerJob": "asks for more memory than its account allows",
    "DependencyNeverSatisfied": "depends on a job that failed",
}


def cure(job):
    """Why this job may wait for ever, and what helps; None for one that waits its turn.

    >>> from steps_py.cluster.slurm.client import Job
    >>> cure(Job("7", "PENDING", "JobHeldUser"))
    'held by you; `scontrol release 7` lets it go'
    >>> cure(Job("7", "PENDING", "Priority"))
    """
    if job.state not in ("PENDING", "SPECIAL_EXIT"):
        return None
    reason = job.reason.strip("()")
    for known, words in CURES.items():
        if reason.replace("_", " ").startswith(known.replace("_", " ")):
            return words.format(id=job.id)
    return None
