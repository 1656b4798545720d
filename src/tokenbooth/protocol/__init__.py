"""What the RFCs say, as pure values and checks: no I/O, no framework."""
