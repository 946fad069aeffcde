"""FiftyOne: the dataset that people browse and tag."""
