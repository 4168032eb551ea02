"""Positions that a venue publishes: whose accounts are known, what they hold, and snapshots of it at rest.

No address leaves the address book: tables, files and screens tell accounts apart by a name made with a key.
"""
