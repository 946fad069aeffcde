"""One image file and its pixels: opened safely, read by strips, placed on Earth."""

from utils.images.proj_data import pass_over_other_tables

# Here, since rasterio reads the variables once, and all that use it import this package before.
pass_over_other_tables()
