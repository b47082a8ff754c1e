"""Custom assembly shared by every op that is a task: one parser and one printer for their operand groups.

Hand-written because these ops dominate every module: printing by `assembly_format` is five times slower (docs/rationale.md).
"""



