"""The executor of `--profile sge`: cluster-generic, safe for any path of the recipe."""

import os

import snakemake_executor_plugin_cluster_generic as plugin
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

from steps_py.cluster.quoting import QuotedPython


def use_sge_executor():
    """Let Snakemake's executor `cluster-generic` be the one below."""
    registered = ExecutorPluginRegistry().plugins.get("cluster-generic")
    if registered is not None:
        registered.executor = SgeExecutor


class SgeExecutor(QuotedPython, plugin.Executor):
    def get_jobscript(self, job):
        """Relative: the plugin puts the path between double quotes into a line of shell."""
        return os.path.relpath(super().get_jobscript(job))
