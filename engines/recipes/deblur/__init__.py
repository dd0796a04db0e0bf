"""Recipe of the `deblur` engine: data, network, training, evaluation, export. Read README.md first."""
