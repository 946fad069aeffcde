"""The family of detectors that ultralytics trains: YOLO and RT-DETR.

Only this folder imports ultralytics. The rest of Spyglass makes the few calls that
docs/architecture.md lists; another family would offer the same calls in a folder of its own.
"""
