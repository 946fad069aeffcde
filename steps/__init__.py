"""Steps: each unpacks parameters, calls the library, logs metadata and returns artifacts."""

import materializers  # noqa: F401  (tells ZenML how to store the nouns)
