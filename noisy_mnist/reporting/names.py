"""What readers see in place of a value of params.yaml."""


def of_noise(kind: str) -> str:
    """Return a kind of noise in words."""
    return "Gaussian" if kind == "gaussian" else kind.replace("_", " ")
