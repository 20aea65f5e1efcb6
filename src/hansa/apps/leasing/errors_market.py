"""Refusals of the market: assets, offers, bargaining, bookings. Read by sales clerks and planners."""
