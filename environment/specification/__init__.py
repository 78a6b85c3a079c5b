"""The specifications and this suite held together: which scenario proves what, word for word."""
