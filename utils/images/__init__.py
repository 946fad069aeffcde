"""One image file and its pixels: opened safely, read by strips, placed on Earth."""
