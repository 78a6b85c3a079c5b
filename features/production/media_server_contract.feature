@contract @media-server
Feature: The media server keeps its contract, be it MediaMTX or the stand-in for it

  What media-service and this suite rely on, and no more. Every scenario passes against the real
  MediaMTX and against the stand-in of services/mediamtx/offline; each says which one it drove.

  Background:
    Given the media server says which one it is

  Scenario Outline: anything can be published and played at any path
    Given a test stream is published at `<path>`
    When a player joins `<path>`
    Then the player receives H.264 video and AAC audio

    Examples: paths that differ in depth
      | path                         |
      | single                       |
      | contract/two                 |
      | a/deeper-path/of_four/levels |

  Scenario: the Control API shows a stream while it is there, and only then
    Given a test stream is published at `contract/listed`
    Then the Control API lists `contract/listed` as ready, with its source and tracks
    And the Control API counts more and more bytes of `contract/listed`
    When the publisher of `contract/listed` ends
    Then the Control API no longer shows `contract/listed` as ready within 5 seconds

  Scenario Outline: what is published over <published> is played over <played>
    Given a test stream is published over <published> at `contract/crossing`
    When a player joins `contract/crossing` over <played>
    Then the player receives H.264 video and AAC audio

    Examples: each way but the one above
      | published | played |
      | RTSP      | RTSP   |
      | RTSP      | RTMP   |
      | RTMP      | RTSP   |

  Scenario: the Control API shows a stream over RTSP, its reader too, while it is there
    Given a test stream is published over RTSP at `contract/listed`
    And a player joins `contract/listed` over RTSP
    Then the Control API lists `contract/listed` as ready, with its source and tracks
    And the Control API shows 1 reader of `contract/listed`, over RTSP
    And the Control API counts more and more bytes of `contract/listed`
    When the publisher of `contract/listed` ends
    Then the Control API no longer shows `contract/listed` as ready within 5 seconds
    And the player ends by itself within 5 seconds

  Scenario: the Control API knows what it does not have, and how it is configured
    When the Control API is asked for `/v3/paths/get/contract/nobody`
    Then the Control API answers with status 404 and an error in words
    When the Control API is asked for `/v3/config/global/get`
    Then the Control API answers with status 200 and `rtmpAddress` ending in `:1935`
    And the Control API answers with status 200 and `rtspAddress` ending in `:8554`

  Scenario: an output is recorded from its first packet to its last
    Given 4 seconds of the clip are published at `live/recorded/out` and end
    Then the recording of `live/recorded/out` is those 4 seconds, picture for picture and sound

  Scenario: an input published over RTSP is recorded from its first packet to its last
    Given 4 seconds of the clip are published over RTSP at `live/recorded/in` and end
    Then the recording of `live/recorded/in` is those 4 seconds, picture for picture and sound

  Scenario Outline: a second publisher takes over, over <second> from one over <first>
    Given a test stream is published over <first> at `contract/taken`
    When another test stream is published over <second> at `contract/taken`
    Then the first publisher is turned out within 5 seconds
    And `contract/taken` has a new source

    Examples: as a publisher that comes back, by whatever way
      | first | second |
      | RTMP  | RTMP   |
      | RTSP  | RTMP   |
      | RTMP  | RTSP   |

  Scenario: the end of a publisher is the end for its readers
    Given a test stream is published at `contract/ending`
    And a player joins `contract/ending`
    When the publisher of `contract/ending` ends
    Then the player ends by itself within 5 seconds

  Scenario Outline: the death of a publisher over <protocol> is the end for its readers
    Given a test stream is published over <protocol> at `contract/dying`
    And a player joins `contract/dying` over <protocol>
    When the publisher of `contract/dying` is killed
    Then the player ends by itself within 5 seconds

    Examples: without a word of goodbye
      | protocol |
      | RTMP     |
      | RTSP     |

  Scenario Outline: bad input harms nobody but its sender
    Given a test stream is published at `contract/bystander`
    And a player joins `contract/bystander` over <protocol>
    When <garbage> is sent to the media server's <protocol> port
    Then the media server hangs up within 15 seconds
    And the media server's log says why, in one line
    And `contract/bystander` is published and played as before

    Examples: each breaks another layer
      | protocol | garbage                          |
      | RTMP     | a web request                    |
      | RTMP     | 4 KiB of random bytes            |
      | RTMP     | a handshake and random bytes     |
      | RTSP     | 4 KiB of random bytes            |
      | RTSP     | an RTSP request and random bytes |

  Scenario: it ends at once when it is told to
    Given a test stream is published at `contract/stopped`
    When the media server container is stopped
    Then it has ended within 1 second, with exit code 0
