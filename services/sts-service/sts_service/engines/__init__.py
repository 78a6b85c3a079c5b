"""The engines: three interfaces in ``base``, and one file for each engine behind them.

An engine for a stage is the module ``<stage>_<name>`` with a class called ``Engine``; it is
found by that name and needs no registration.
"""
