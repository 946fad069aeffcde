"""The one room that asks ZenML's store: artifacts, runs, model versions, the active stack."""
