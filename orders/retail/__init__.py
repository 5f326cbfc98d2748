"""Loading years of real trade: Online Retail files become products, customers and orders.

The file is read once, row by row, and none of it kept in memory but its sums:

1. `reading` and `screening` find the columns and judge the rows; what is no trade goes to the CSV of refused rows.
2. `survey` adds up products, customers and invoices; `spool` keeps the sale lines in a temporary file.
3. `matching` finds for each cancellation the sale that it reverses, so that every row can be written as it ends.
4. `customers`, `products`, `invoices` and `returns` write, in short transactions: inserts only, but for what an earlier
   file brought.

What is written follows from the file and from what the shop has, never from how far an earlier run came: a run that was
killed is finished by the next one, and a run after a finished one finds nothing to write.
"""
