"""Assets with what they can do, offers of their idle time, bargaining up to a reservation. Times are ms since
the epoch, UTC.
"""
