"""Gateways at machines and files: what a machine wrote becomes signed readings."""
