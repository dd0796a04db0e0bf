"""Sharp photographs -> blurred pictures in linear light: what `motion_blur` and `deblur` learn from."""
