@contract @players
Feature: Real players play what comes out

  Our own measuring could share a mistake with the services. So the output is also held against what
  people use, as Debian ships it: ffprobe, mpv and headless Chromium, in a container of their own.

  Scenario: ffprobe and mpv play the output while it is live
    Given real players stand by in a container of their own
    And 30 seconds of the clip are being dubbed
    When ffprobe inspects the live output while mpv plays it for 10 seconds
    Then ffprobe has found one H.264 and one AAC track
    And mpv has played 10 seconds of moving picture and of sound, in step and without an error

  Scenario: Chromium plays the recording to its end
    Given real players stand by in a container of their own
    And the whole clip was dubbed and recorded
    When Chromium plays the recording, made into MP4
    Then a moving picture is seen smoothly to its end, and every dub is heard
