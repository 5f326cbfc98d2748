"""Used by every app and protocol; imports none of the apps."""
