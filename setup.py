"""Packages of the distribution, the shipped experiments among them: a mapping that pyproject.toml can't say.

experiments/ stays at the top of the repository, where it is read and edited; in a wheel it is the data of
the package `orchestrator.experiments`, so that no other distribution can write into it. cluster/ likewise:
prices, and files that start clusters. A wheel that is built of `make cluster-sources` knows its commit.
"""

from setuptools import find_namespace_packages, find_packages, setup

SHIPPED, CLUSTER = "orchestrator.experiments", "orchestrator.cluster"

folders = [f"{SHIPPED}.{name}" for name in find_namespace_packages("experiments")]
setup(
    packages=[*find_packages(include=["orchestrator*", "trainables*"]), SHIPPED, CLUSTER, *folders],
    package_dir={SHIPPED: "experiments", CLUSTER: "cluster"},
    package_data={
        "orchestrator": ["*.pyi", "commit.txt"],
        "orchestrator.report": ["*.j2", "*.css"],
        "orchestrator.report.slides": ["*.typ"],
        SHIPPED: ["*.json"],
        CLUSTER: ["*.json", "*.yaml", "Dockerfile"],
        **{name: ["*.json"] for name in folders},
    },
)
