"""The part of training and prediction that only ultralytics knows."""
