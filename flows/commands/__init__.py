"""The commands of ``poselift``, one file for each kind. Heavy imports wait inside them."""
