"""Hansa: companies that do not trust each other run one factory together."""
