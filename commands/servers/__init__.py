"""The embedded servers: started, shown behind a gate, stopped."""
