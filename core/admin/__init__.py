"""Code that the admins of the apps share.

This package registers no models: the admin site imports the sign-in form while the site is created.
"""
