"""What a run leaves to be looked at: log, artifacts, failures in words, summary."""
