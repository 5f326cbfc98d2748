"""What the admins of the apps share.

Nothing is registered here: the admin's site imports the sign-in form while it is being made.
"""
