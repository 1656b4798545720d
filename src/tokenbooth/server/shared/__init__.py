"""What processes and nodes share through Valkey or Redis: to agree, never to be right.

It may be away, restart empty or come back with yesterday's memory at any time; whatever must be
exact is claimed in the database.
"""
