"""Times everyday tasks of staff in the admin, done by clicks and keys in Chromium, for docs/staff.md.

    export DATABASE_URL=postgres://.../staff_tasks     # a database of its own, empty; it is kept for the next run
    python -m benchmarks.staff_tasks --rows 1000000
    python -m benchmarks.staff_tasks --rows 1000000 --import

The first run fills the database with so many products, orders, logged requests and deliveries; it must be run by a
superuser of PostgreSQL, because it writes without triggers. Each task begins at the dashboard, and its result is
checked in the database. "Waiting" is the time from an action until the page shows its result; "seconds" adds what a
person needs by the keystroke-level model. `--import` instead imports a price list of 50,000 rows, of which 1 % are
bad, in the admin and over REST.
"""
