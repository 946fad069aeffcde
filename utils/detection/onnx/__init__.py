"""An exported network in ONNX Runtime: numpy only, so that it serves without PyTorch or OpenCV."""
