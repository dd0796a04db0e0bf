"""One module a runtime; `inference.select.BACKENDS` lists them."""
