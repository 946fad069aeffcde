"""Pictures and pages made from artifacts."""
