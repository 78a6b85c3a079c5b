@contract @slow @dual-compose
Feature: The suite passes again and again with the two compose projects

  SC-007 asks for 95 percent over ten runs. As in features/production/reliability.feature, the runs
  have the shortest way through the system; each brings both projects up and takes them down.

  @sc-007
  Scenario: ten runs in a row
    When `make soak` has a short clip dubbed by a new system, 10 times
    Then at least 95 percent of 10 runs have passed, and its sum has each of them
