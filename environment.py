"""behave looks for its hooks here; they live in environment/hooks.py."""

from environment.hooks import after_all, after_scenario, after_step, before_all, before_scenario

__all__ = ["after_all", "after_scenario", "after_step", "before_all", "before_scenario"]
