"""The subcommands of `wlm`, one module each: `add` declares the arguments, `run` does the work."""
