"""The one room that asks the store of ZenML."""
