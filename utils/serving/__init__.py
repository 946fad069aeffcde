"""The service: a packed detector asked over HTTP, in an environment of its own."""
