"""Microsoft Graph: the little of the directory that the Azure CLI asks for."""
