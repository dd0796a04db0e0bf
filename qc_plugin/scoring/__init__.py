"""Numbers, rules, decisions and ranks. numpy, pydantic and YAML only; holds no pixels."""
