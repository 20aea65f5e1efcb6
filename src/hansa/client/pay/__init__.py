"""Paying and being paid: payment files for the bank, bank statements from it, and which line pays what.

Pure but for reading files: nothing here signs or sends. `hansa pay` does, after a person has looked.
"""
