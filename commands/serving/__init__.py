"""Deploy the version in production, show what runs where, and stop it."""
