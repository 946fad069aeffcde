"""The processes of the service; this code runs without torch, ZenML and ultralytics."""
