"""What stands in for Google in the tests: servers on this machine that speak its protocols."""
