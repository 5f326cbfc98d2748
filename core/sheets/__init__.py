"""Tables as CSV and XLSX files: written row by row for exports, read row by row for imports."""
