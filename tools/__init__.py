"""Tools: the command line programs; everything they do is also in `wlm_dialect.api`."""
