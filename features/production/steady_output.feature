@contract @steady-output
Feature: A player that joins a dubbed stream sees it steadily

  Segments are dubbed six seconds at a time; the output must not show that. It is paced: who joins
  half-way receives picture and sound as fast as time goes by, neither in bursts nor with pauses.

  Scenario: a player joins the output half-way
    Given 20 seconds of the clip are being dubbed
    When a player joins the output 5 seconds late and listens for 9 seconds
    Then each second brings a second of picture and of sound, within 5 percent
    And neither of them is ever silent for 1 second
