"""Finds what is wrong with a deployment: the examinations of `manage.py doctor`."""
