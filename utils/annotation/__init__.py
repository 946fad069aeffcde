"""Label Studio: tasks to and from boxes, the project, sync, export, the embedded server."""
