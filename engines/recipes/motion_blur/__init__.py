"""Recipe of the `motion_blur` engine: synthesis, data, training, evaluation, export.

Read top to bottom: `../synthesis`, `../footage` -> `render.py`, `real.py` -> `data.py` -> `model.py` ->
`train.py` -> `evaluate.py` -> `export.py`.
Every module with a `main` runs as `python -m engines.recipes.motion_blur.<module> --help`.
"""
