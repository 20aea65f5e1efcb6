"""Leases from signature to the last statement. Times are ms since the epoch, UTC."""
