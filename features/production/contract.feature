@contract @wire
Feature: The wire's contract holds for a stranger's client, at its edges as well

  Each scenario has an sts-service of its own, in a container, with small limits: what is said to it
  and what it answers goes over real connections.

  Background:
    Given an sts-service of its own with two tokens and small limits

  Scenario: every error of the contract is answered as it is documented
    When a stranger provokes each error:
      | code                 | by                                                       |
      | AUTH_FAILED          | a wrong token                                            |
      | STREAM_NOT_FOUND     | a fragment for a stream that was never opened            |
      | INVALID_CONFIG       | an opening without a configuration                       |
      | UNSUPPORTED_LANGUAGE | an opening into a language that nobody speaks            |
      | INVALID_AUDIO_FORMAT | a fragment whose sound is not base64                     |
      | FRAGMENT_TOO_LARGE   | a fragment of 11 MB                                      |
      | INVALID_SEQUENCE     | a number that another fragment has                       |
      | STREAM_PAUSED        | a fragment for a stream that it has paused               |
      | RATE_LIMIT           | one stream more than may be open                         |
      | TIMEOUT              | a fragment that takes longer than its stream allows      |
      | MODEL_ERROR          | a worker killed with the fragment in its hands           |
      | QUEUE_FULL           | one fragment more than may wait                          |
    Then each was answered with its code, in words, and with whether to try again
    And `sts_errors_total` counts each of them once
    And that sts-service still dubs the first words of the counting clip

  Scenario: a connection breaks, and the session is taken up
    Given a stranger whose connection breaks while its second fragment is being dubbed
    When it takes its session up and sends again what it has no result of
    Then each fragment has one result, in order, and the end counts each once

  Scenario: observers need a token of their own, and are not heard
    When strangers observe it without a token, with the clients', and with the observers'
    Then only the last of them may
    And what that one says is counted, and opens no stream

  @fr-023
  Scenario: SIGTERM finishes what is in hand
    Given a stranger whose fragment is being dubbed
    When that sts-service is told to stop, and the stranger asks for another stream
    Then the fragment is answered, the stream refused for now, and the session closed
    And that sts-service ends with status 0
