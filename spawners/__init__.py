"""From a request to work on a node: the only package that knows a scheduler.

Nothing is imported here, so that a learner's kernel never loads JupyterHub by importing one of the modules.
"""
