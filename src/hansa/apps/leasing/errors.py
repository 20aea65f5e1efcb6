"""Refusals of a lease's life; those of the market are in errors_market.py."""
