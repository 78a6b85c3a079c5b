"""What is done to the system: publishing, playing, watching the wire, recording runs."""
