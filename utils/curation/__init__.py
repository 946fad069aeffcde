"""FiftyOne: the dataset people look at."""
