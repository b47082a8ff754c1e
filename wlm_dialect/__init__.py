"""Compile and simulate the management of accelerator work: tasks, barriers and management DMAs, on xDSL.

The embedding surface is `wlm_dialect.api`.
"""

__version__ = "0.1.0"
