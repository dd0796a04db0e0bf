"""HTML and SVG that people look at: sheet, review, catalogue; the only package that knows jinja2."""
