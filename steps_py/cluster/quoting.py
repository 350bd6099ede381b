"""Snakemake's command line of a job, quoted for the shell.

Snakemake quotes arguments with repr(): within its double quotes the shell expands ``$``, and its
``\\'`` does not end a quote. The path of Python is not quoted at all. Paths of a recipe or a
checkout with blanks, apostrophes or ``$`` then break the jobs of a cluster, or run something else.
"""

import shlex

from snakemake_executor_plugin_slurm_jobstep import Executor as JobstepExecutor
from snakemake_interface_executor_plugins import utils
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

_format_cli_value = utils.format_cli_value


def format_cli_value(value, quote=False, base64_encode=False):
    """Snakemake's function of this name, but with shell quotes around text.

    >>> format_cli_value("it's $HOME", quote=True)
    '\\'it\\'"\\'"\\'s $HOME\\''
    """
    if isinstance(value, str) and quote and not base64_encode:
        return shlex.quote(value)
    return _format_cli_value(value, quote=quote, base64_encode=base64_encode)


class QuotedPython:
    """Mixin of an executor: the path of Python is one word of the shell."""

    def get_python_executable(self):
        return shlex.quote(super().get_python_executable())


class QuotedJobstep(QuotedPython, JobstepExecutor):
    """The executor that Snakemake uses within a Slurm job."""


def quote_job_commands() -> None:
    """Quote all command lines of jobs, in the controller and in the jobs."""
    utils.format_cli_value = format_cli_value
    registered = ExecutorPluginRegistry().plugins.get("slurm-jobstep")
    if registered is not None:
        registered.executor = QuotedJobstep
