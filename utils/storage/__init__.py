"""Object stores: a local folder or a Google Cloud Storage bucket, with the same few verbs."""
