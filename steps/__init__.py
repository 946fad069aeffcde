"""Steps: each unpacks parameters, calls the library, logs metadata and returns artifacts."""
