"""Ten evaluators at once, each with little to do: lines of a run file."""

TEN = """
evaluators:
  - {use: text-metrics, max_new_tokens: 16}
  - {use: perplexity, limit: 60}
  - {use: structured, max_new_tokens: 16, limit: 20}
  - {use: robust, max_new_tokens: 16, limit: 4, kinds: [typo, filler]}
  - {use: diversity, max_new_tokens: 16, limit: 20}
  - {use: boundary, max_new_tokens: 4, languages: [zh], long_characters: 600}
  - {use: jailbreak, max_new_tokens: 6, families: [direct], languages: [en]}
  - {use: injection, max_new_tokens: 6, channels: [document], languages: [en]}
  - {use: prompt-leak, max_new_tokens: 6, languages: [zh]}
  - {use: calibrate, limit: 60}
"""
