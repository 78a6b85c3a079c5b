"""The harness: a typed library that runs the system under test and measures what comes out."""
