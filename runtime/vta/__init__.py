"""Execution of VTA programs, bit-exact with the reference simulator.

run.py      `run`: launches, tokens, what came out
order.py    in which order the modules execute, from tokens alone
costs.py, timing.py, timeline.py: when instructions start and end, with finite queues; as page and trace
order_file.py, replay.py: orders of execution as files; what goes wrong in one
image.py    DRAM as one array, and the instructions with their addresses resolved
operands.py which elements of DRAM each GEMM multiplies
plans.py    loop nests of micro-ops as matrix products
products.py all products of a stretch of instructions, in few large matrix products
steps.py    the accumulators, instruction by instruction, in numpy
loops.py, acc_loops.py: operands and accumulators as loops for numba, compiled by compiled.py
"""
