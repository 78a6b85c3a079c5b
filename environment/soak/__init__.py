"""Running the suite many times over: how often does it pass, and what failed when it did not?"""
