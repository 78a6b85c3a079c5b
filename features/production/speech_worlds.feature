@contract @speech
Feature: Every clip is understood, translated and spoken, as well as the profile promises

  The fragments of each clip go straight to sts-service, one after the other. How many words may be
  wrong depends on the engines, and is what was measured for them: the pocket models know the
  clips' world by heart; the embedded recogniser knows any English, and makes mistakes in it.

  @fr-030 @fr-031 @fr-032 @fr-033
  Scenario Outline: a clip, fragment by fragment
    Given the 5 fragments of `<clip>`
    When STS-service processes with source=en, target=es
    Then at most <pocket> percent of the words are wrong under pocket, <embedded> under embedded
    And each translation is Spanish for its transcript
    And each dub is Spanish speech that says its translation
    And stream and results name the engines and models of this run

    Examples: the clips
      | clip                      | pocket | embedded |
      | 30s-english-counting.mp4  | 0      | 0        |
      | 30s-english-speech.mp4    | 0      | 4        |
      | 30s-english-sentences.mp4 | 0      | 12       |

  Scenario: nobody speaks
    Given a fragment of silence
    When STS-service processes with source=en, target=es
    Then it is a success without a word, and quiet sound of the same length
