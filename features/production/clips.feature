@contract @clips
Feature: Clips of every kind come out dubbed, whole and in step

  Each clip is made from a committed one by fixtures/make_streams, and lies beside a description of
  what it says and shows. The clips of a group are published side by side; the description is what
  each output is held against. What is measured stands in run.log, as clip_measured.

  @fr-025 @fr-030 @fr-036 @sc-005
  Scenario Outline: <clip>
    Given `<clip>` was published, the others of its group beside it
    When all of it has come out
    Then the output lasts as long as the clip's description says, within 500 ms
    And <fragments> fragments were cut at their places, and came back in order
    And each dub lies within 120 ms of its picture, with nothing else beside it
    And its picture is untouched, without a gap
    And of the words described at most <pocket> percent are wrong under pocket, <embedded> under embedded

    Examples: speech over noise
      | clip           | fragments | pocket | embedded |
      | noise-20db.mp4 | 2         | 10     | 40       |
      | noise-10db.mp4 | 2         | 20     | 80       |

    Examples: pictures of other rates and sizes
      | clip         | fragments | pocket | embedded |
      | 25fps.mp4    | 2         | 0      | 10       |
      | 29.97fps.mp4 | 2         | 0      | 10       |
      | 60fps.mp4    | 2         | 0      | 10       |
      | 1080p.mp4    | 2         | 0      | 10       |

    Examples: other timing
      | clip           | fragments | pocket | embedded |
      | b-frames.mp4   | 3         | 0      | 10       |
      | mono-44100.mp4 | 3         | 0      | 10       |
      | late-audio.mp4 | 3         | 0      | 10       |
      | 7s.mp4         | 2         | 0      | 10       |

    Examples: other lengths, and a second keyframe after nine seconds
      | clip              | fragments | pocket | embedded |
      | 29.7s.mp4         | 5         | 0      | 10       |
      | late-keyframe.mp4 | 3         | 0      | 10       |

    @slow
    Examples: five minutes
      | clip          | fragments | pocket | embedded |
      | 5min-loop.mp4 | 50        | 0      | 10       |

  Scenario: nobody speaks
    Given `silence.mp4` was published, the others of its group beside it
    When all of it has come out
    Then the output lasts as long as the clip's description says, within 500 ms
    And 2 fragments were cut at their places, and came back in order
    And no word was heard in it
    And its own sound has passed through
    And its picture is untouched, without a gap

  Scenario: it ends before its second keyframe, the first that a live reader sees
    Given `one-keyframe.mp4` was published, the others of its group beside it
    When all of it has come out
    Then the output is sound alone, as long as described, within 500 ms
    And 2 fragments were cut at their places, and came back in order
    And of the words described at most 0 percent are wrong under pocket, 10 under embedded

  Scenario: there is no audio track
    Given `no-audio.mp4` was published, the others of its group beside it
    Then media-service has given that stream up: "audio track required for dubbing"
    And media-service has gone on as the process it was, and dubbed others to their end
