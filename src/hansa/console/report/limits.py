"""Limits of a report: what a browser on an office computer opens at once."""

SERIES_MAX = 4_000
"""Points of one feed's curve."""
BANDS_MAX = 50_000
"""State bands of one feed."""
ROWS_MAX = 50_000
"""Entries of any table."""
TREE_DEPTH_MAX = 32
"""Levels of one explanation."""
TREE_NODES_MAX = 200_000
"""Nodes of all explanations together."""
EXACT_INTEGER_MAX = 2**53 - 1
"""Largest integer that a browser holds exactly."""
