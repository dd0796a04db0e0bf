"""Reports: one Parquet file per asset (`write`, `read`) and its HTML view (`sheet`).

The only package that knows pyarrow, pandas and jinja2. Import the doors from their modules:
`write.write_report`, `write.report_path`, `read.read_frames`, `read.read_meta`, `read.read_report`,
`sheet.write_sheet`, `sheet_wants.wanted_pictures`.
"""
