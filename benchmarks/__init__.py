"""What performance claims rest on. ``make bench`` runs everything; ``make bench BENCH="push idle"`` some of it.

Each scenario names its input and prints what it measured beside what it compares to: figures that upstream publishes
for the same shape, or a peer measured in the same run. Nothing here is asserted; a figure that got worse is for a
person to judge.
"""
