"""Figures of Hansa, measured against a floor in the same run. `python -m bench` runs all."""
