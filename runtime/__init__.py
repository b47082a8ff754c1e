"""Runtime: the model of the hardware and firmware that executes a lowered program."""
