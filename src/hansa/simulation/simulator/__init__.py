"""The simulator: a whole consortium in one process, from one seed.

Replicas of the real application stand behind a model of what the engine guarantees, on a virtual clock, a
virtual network and model disks, and everything that can go wrong does. See docs/write-a-scenario.md.
"""
