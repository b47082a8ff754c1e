"""The static checker: event graph, rules H1-H11, findings. It shares no code with simulator or scheduling passes."""
