"""Looking again and again at what is noted of the predictions out there."""
