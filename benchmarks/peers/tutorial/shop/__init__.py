"""The app with the models that all of them serve."""
