"""The suite run by several behave processes at once, each with a system of its own."""
