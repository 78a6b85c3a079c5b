"""What the system takes and how fast it is, measured: `make bench`."""
