"""Kaldi's nnet3 networks of x-vectors, without Kaldi: files, graph and computation.

network_file.py reads and writes raw models; fields.py is the grammar of their values, and
components.py has the list of components, whose base is in component.py.  config_lines.py and
descriptors.py are the language of the graph, network.py is the graph itself, edits.py what
nnet3-copy does to it, info.py what nnet3-info prints.  program.py decides how nodes are
computed, plan.py which frames of them are needed, compute.py does it.  convert.py goes to the
checkpoints of this package and back.
"""
