"""The library: images, boxes, tiles, labels and detectors, without ZenML."""
