"""Labelled shapes: upright boxes, oriented boxes, polygons, and the classes of whole images."""
