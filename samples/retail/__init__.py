"""Imports Online Retail files, years of real trade, as products, customers and orders.

The file is read row by row; only its totals and cancellations stay in memory. It is read again if a complete reading
shows that its assumed encoding, date form or decimal mark is wrong, or if the shop has one of its invoices with other
lines.

1. `reading` finds the columns, `decoding` and `records` turn bytes into rows, and `screening` checks the rows with
   `dates`, `amounts` and `values`. Rows that are not trade go to the CSV of refused rows.
2. `survey` totals products, customers and invoices; `spool` keeps the sale lines in a temporary file. `overlaps` finds
   the lines that orders of the shop already have.
3. `matching` finds the sale that each cancellation reverses, so that every row can be written in its final state.
4. `customers`, `products`, `invoices` and `returns` write in short transactions. They only insert, except for rows that
   an earlier file brought.

The writes depend on the file and on the data of the shop, never on the progress of an earlier run: if a run was killed,
the next run finishes it; if a run was finished, the next run has no rows to write.
"""
