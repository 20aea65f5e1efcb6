"""One member's server: HTTP over a ledger that it orders (operator) or copies and checks (follower)."""
