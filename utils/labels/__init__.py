"""Label files of any tool, parsed without trust into objects with a class and a hull."""
