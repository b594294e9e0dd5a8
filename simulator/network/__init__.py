"""Microsoft.Network: virtual networks, subnets, network interfaces and their addresses."""
