"""An Azure in a box: a local cloud that the real SDKs, the Azure CLI and JavaScript clients talk to.

Start it with ``python -m simulator``. A provider is a package with a route table (see :mod:`simulator.provider`).
"""
