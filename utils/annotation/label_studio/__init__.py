"""Label Studio: projects, tasks, imports, reviews, and the embedded server."""
