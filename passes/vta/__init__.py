"""What can be said about a VTA program without running it, and how to make one: tokens checked, explained, placed.

flow.py         modules as chains, the k-th pop of a queue matched with its k-th push
events.py       the event graph and its clocks: what comes before what, for every timing
orders.py       orders in which instructions can execute, to replay a finding
races.py        conflicting accesses that nothing orders
rules.py        the other rules, V1-V9
differs.py      what hardware does differently from the reference simulator, V10-V14
check.py        all of it: proved or refuted
protection.py   what each token protects
threads.py      which virtual thread an instruction belongs to
explain.py      the answer, and story.py in plain words
dependences.py  what tokens or data order, NOPs dissolved; dram.py: by DRAM
graph.py        a program as a task graph
stairs.py       orders between two modules, as few pairs as imply all
routes.py       where orders between load and store go through compute
fewest.py       fewer tokens, if tasks may wait longer
placement.py    tokens and NOPs for a set of orders
lower.py        a task graph as a program
webs.py         instructions whose data can only move together; uop_copies.py: their micro-ops
contexts.py     virtual threads
"""
