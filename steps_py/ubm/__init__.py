"""Universal background models: mixtures of Gaussians of all speakers' features.

The programs are Kaldi's, called by name in workflow/rules/ubm.smk.
"""
