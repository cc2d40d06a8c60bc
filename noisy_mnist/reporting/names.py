"""What readers see in place of a value of params.yaml."""

DATASETS = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "kmnist": "KMNIST"}


def of_dataset(dataset: str) -> str:
    """Return the name of a data set as its authors write it."""
    return DATASETS.get(dataset, dataset)


def of_noise(kind: str) -> str:
    """Return a kind of noise in words."""
    return "Gaussian" if kind == "gaussian" else kind.replace("_", " ")
