@contract @slow
Feature: The suite passes again and again

  SC-007 asks for 95 percent over ten runs. `make soak` does that with the whole suite, which takes
  hours. Here it has the shortest way through all of the system: ten runs of the suite, each of which
  makes its network and its containers anew, has a short clip dubbed, and takes everything away.

  @sc-007
  Scenario: ten runs in a row
    When `make soak` has a short clip dubbed by a new system, 10 times
    Then at least 95 percent of 10 runs have passed, and its sum has each of them
