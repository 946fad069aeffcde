"""Monitoring: predictions noted out there, and compared with those on the test split."""
