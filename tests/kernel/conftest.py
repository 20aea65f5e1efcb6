"""The consortium of tests/consortium.py as fixtures."""

from tests.consortium import consortium, consortium_on_disk

__all__ = ["consortium", "consortium_on_disk"]
