"""What can be said about a VTA program without running it: are its tokens right, and what is each of them for.

hardware.py  queue depths and what else differs between the implementations of VTA
flow.py      modules as chains, the k-th pop of a queue matched with its k-th push
events.py    the event graph and its clocks: what comes before what, for every timing
orders.py    orders in which instructions can execute, to replay a finding
races.py     conflicting accesses that nothing orders
rules.py     the other rules, V1-V9
differs.py   what hardware does differently from the reference simulator, V10-V14
check.py     all of it: proved or refuted
tokens.py    what each token protects
threads.py   which virtual thread an instruction belongs to
explain.py   the answer in plain words
"""
