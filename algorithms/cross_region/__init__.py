"""Methods that train one model in several regions joined by a wide-area network."""
