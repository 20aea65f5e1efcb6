"""The room put together."""

from hansa.kernel import Room

ROOM = Room("money")
