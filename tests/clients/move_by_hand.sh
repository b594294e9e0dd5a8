#!/bin/sh
# Moves one virtual machine to another region by hand, with the Azure CLI alone, from the vault to the commit.
# Variables: SUBSCRIPTION SOURCE_GROUP TARGET_GROUP SOURCE_REGION TARGET_REGION VM SOURCE_NETWORK TARGET_NETWORK SUBNET CACHE
set -eu

api=api-version=2024-04-01
group=/subscriptions/$SUBSCRIPTION/resourceGroups
vault=$group/$TARGET_GROUP/providers/Microsoft.RecoveryServices/vaults/by-hand
fabrics=$vault/replicationFabrics
source=$fabrics/$SOURCE_REGION/replicationProtectionContainers/source
target=$fabrics/$TARGET_REGION/replicationProtectionContainers/target
item=$source/replicationProtectedItems/$VM
a2a='"instanceType":"A2A"'

say() { echo "== $*"; }
ask() { az rest --method "$1" --url "$2?$api" ${3:+--body "$3"} --output none; }
show() { az rest --method get --url "$1?$api" --query "$2" --output tsv; }

# Site Recovery works in jobs: wait until none runs, and stop where the last one failed.
finish() {
    until [ "$(show "$vault/replicationJobs" "length(value[?properties.state=='InProgress'])")" = 0 ]; do sleep 1; done
    last=$(show "$vault/replicationJobs" "value[0].properties.[friendlyName, state] | join(': ', @)")
    echo "   $last"
    case $last in *Failed | *Cancelled) exit 1 ;; esac
}

until_item() {
    until [ "$(show "$item" "properties.$1")" = "$2" ]; do sleep 1; done
    echo "   $1 is $2"
}

say "vault, fabrics, policy, containers"
ask put "$vault" "{\"location\":\"$TARGET_REGION\",\"sku\":{\"name\":\"Standard\"},\"properties\":{}}"
until [ "$(show "$vault" properties.provisioningState)" = Succeeded ]; do sleep 1; done
for region in "$SOURCE_REGION" "$TARGET_REGION"; do
    ask put "$fabrics/$region" "{\"properties\":{\"customDetails\":{\"instanceType\":\"Azure\",\"location\":\"$region\"}}}"
done
ask put "$vault/replicationPolicies/daily" "{\"properties\":{\"providerSpecificInput\":{$a2a,\"multiVmSyncStatus\":\"Enable\"}}}"
finish
for container in "$source" "$target"; do
    ask put "$container" "{\"properties\":{\"providerSpecificInput\":[{$a2a}]}}"
done
finish

say "mappings"
for pair in "$source $target" "$target $source"; do
    from=${pair% *} to=${pair#* }
    ask put "$from/replicationProtectionContainerMappings/mapping" \
        "{\"properties\":{\"policyId\":\"$vault/replicationPolicies/daily\",\"targetProtectionContainerId\":\"$to\",\"providerSpecificInput\":{$a2a}}}"
    finish
done
ask put "$fabrics/$SOURCE_REGION/replicationNetworks/azureNetwork/replicationNetworkMappings/network" \
    "{\"properties\":{\"recoveryFabricName\":\"$TARGET_REGION\",\"recoveryNetworkId\":\"$TARGET_NETWORK\",\"fabricSpecificDetails\":{\"instanceType\":\"AzureToAzure\",\"primaryNetworkId\":\"$SOURCE_NETWORK\"}}}"
finish
cache=$(az storage account create --resource-group "$SOURCE_GROUP" --name "$CACHE" --location "$SOURCE_REGION" \
    --sku Standard_LRS --query id --output tsv)

say "enable replication"
machine=$(az vm show --resource-group "$SOURCE_GROUP" --name "$VM" --query id --output tsv)
disks=$(az vm show --resource-group "$SOURCE_GROUP" --name "$VM" --output tsv \
    --query "storageProfile.[osDisk, dataDisks][].managedDisk.id")
wanted=
for disk in $disks; do
    wanted="$wanted${wanted:+,}{\"diskId\":\"$disk\",\"primaryStagingAzureStorageAccountId\":\"$cache\",\"recoveryResourceGroupId\":\"$group/$TARGET_GROUP\"}"
done
ask put "$item" "{\"properties\":{\"policyId\":\"$vault/replicationPolicies/daily\",\"providerSpecificDetails\":{$a2a,\"fabricObjectId\":\"$machine\",\"recoveryContainerId\":\"$target\",\"recoveryResourceGroupId\":\"$group/$TARGET_GROUP\",\"recoveryAzureNetworkId\":\"$TARGET_NETWORK\",\"recoverySubnetName\":\"$SUBNET\",\"vmManagedDisks\":[$wanted]}}}"
finish
until_item protectionState Protected

say "fail over"
ask post "$item/unplannedFailover" \
    "{\"properties\":{\"failoverDirection\":\"PrimaryToRecovery\",\"sourceSiteOperations\":\"Required\",\"providerSpecificDetails\":{$a2a}}}"
finish
az vm get-instance-view --resource-group "$SOURCE_GROUP" --name "$VM" --output tsv \
    --query "join(' ', ['   source', instanceView.statuses[1].code])"
az vm get-instance-view --resource-group "$TARGET_GROUP" --name "$VM" --output tsv \
    --query "join(' ', ['   target', instanceView.statuses[1].code])"

say "commit"
ask post "$item/failoverCommit" '{"properties":{}}'
finish
until_item protectionState UnplannedFailoverCommitted
say "$VM runs in $TARGET_REGION"
