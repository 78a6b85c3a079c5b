@contract @bad-input @fr-035 @fr-036 @fr-037 @sc-005
Feature: Bad input is refused in clear words, counted, and harms nobody else

  While something is wrong with one sender, another stream is dubbed from its first segment to its
  last, and every container goes on running as the process it was.

  Background:
    Given another stream is being dubbed

  Scenario: a stream without audio
    When a clip without audio is published at `live/mute/in`
    Then media-service shows that stream as failed: "audio track required for dubbing"
    And the log of e2e-media-service says "audio track required for dubbing"
    And media-service counts it in `media_service_stream_failures_total`
    And the other stream is dubbed to its end, undisturbed

  Scenario: a publisher that dies in the middle of a segment
    When a publisher at `live/dying/in` is killed after 8 seconds
    Then that stream is finished with what was there: 8 seconds, within 1 second
    And the other stream is dubbed to its end, undisturbed

  Scenario: garbage on every port
    When garbage is sent to every port:
      | container         | port | garbage               |
      | e2e-mediamtx      | 1935 | 4 KiB of random bytes |
      | e2e-mediamtx      | 8554 | 4 KiB of random bytes |
      | e2e-mediamtx      | 9997 | 4 KiB of random bytes |
      | e2e-media-service | 8080 | 4 KiB of random bytes |
      | sts-service       | 3000 | 4 KiB of random bytes |
    Then each port answered with a refusal, or hung up, within 15 seconds
    And the log of e2e-mediamtx says "invalid RTMP version"
    And the other stream is dubbed to its end, undisturbed

  Scenario: payloads that break the contract, and a language that nobody speaks
    When a client sends what sts-service must refuse:
      | event         | fault                     | code                 |
      | stream:init   | no config                 | INVALID_CONFIG       |
      | stream:init   | an unknown field          | INVALID_CONFIG       |
      | stream:init   | target language xx        | UNSUPPORTED_LANGUAGE |
      | fragment:data | a stream never opened     | STREAM_NOT_FOUND     |
      | fragment:data | audio that is not base64  | INVALID_AUDIO_FORMAT |
      | fragment:data | a duration it has not got | INVALID_AUDIO_FORMAT |
      | fragment:data | a number below zero       | INVALID_SEQUENCE     |
      | fragment:data | 11 MB of audio            | FRAGMENT_TOO_LARGE   |
    Then each was answered with an `error` event of its code
    And sts-service counted each in `sts_errors_total`
    And the log of sts-service says "UNSUPPORTED_LANGUAGE"
    And the other stream is dubbed to its end, undisturbed
