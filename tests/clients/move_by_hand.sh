#!/bin/sh
# Moves one virtual machine to another region by hand, with the Azure CLI alone: from the vault to the commit, and
# removes what the move needed. Each line of output is a step, and below it each job as Site Recovery calls it.
# Variables: SUBSCRIPTION SOURCE_GROUP TARGET_GROUP SOURCE_REGION TARGET_REGION VM SOURCE_NETWORK TARGET_NETWORK SUBNET CACHE
set -eu

api=api-version=2024-04-01
group=/subscriptions/$SUBSCRIPTION/resourceGroups
vault=$group/$TARGET_GROUP/providers/Microsoft.RecoveryServices/vaults/by-hand
fabrics=$vault/replicationFabrics
source=$fabrics/$SOURCE_REGION/replicationProtectionContainers/source
target=$fabrics/$TARGET_REGION/replicationProtectionContainers/target
policy=$vault/replicationPolicies/daily
network=$fabrics/$SOURCE_REGION/replicationNetworks/azureNetwork/replicationNetworkMappings/network
item=$source/replicationProtectedItems/$VM
a2a='"instanceType":"A2A"'

say() { echo "== $*"; }
ask() { az rest --method "$1" --url "$2?$api" ${3:+--body "$3"} --output none; }
show() { az rest --method get --url "$1?$api" --query "$2" --output tsv; }

# Site Recovery works in jobs: wait until none runs, say what the last one did, and stop where any failed.
finish() {
    states="value[?properties.state=='%s']"
    running=$(printf "$states" InProgress) failed=$(printf "$states" Failed)
    told=1
    until [ "${told%% *}" = 0 ]; do
        told=$(show "$vault/replicationJobs" "join(' ', [to_string(length($running)), to_string(length($failed)),
            value[0].properties.friendlyName, value[0].properties.state])")
    done
    echo "   ${told#0 * }"
    case $told in "0 0 "*) ;; *) echo "a job failed: see $vault/replicationJobs" >&2 && exit 1 ;; esac
}

until_item() {
    until [ "$(show "$item" "properties.$1")" = "$2" ]; do sleep 1; done
    echo "   $1 is $2"
}

power() {
    az vm get-instance-view --resource-group "$1" --name "$VM" --output tsv \
        --query "join(' ', ['   $VM in $1:', instanceView.statuses[?starts_with(code, 'PowerState/')].displayStatus | [0]])"
}

say "vault, fabrics, policy, containers"
ask put "$vault" "{\"location\":\"$TARGET_REGION\",\"sku\":{\"name\":\"Standard\"},\"properties\":{}}"
until [ "$(show "$vault" properties.provisioningState)" = Succeeded ]; do sleep 1; done
for region in "$SOURCE_REGION" "$TARGET_REGION"; do
    ask put "$fabrics/$region" "{\"properties\":{\"customDetails\":{\"instanceType\":\"Azure\",\"location\":\"$region\"}}}"
done
ask put "$policy" "{\"properties\":{\"providerSpecificInput\":{$a2a,\"multiVmSyncStatus\":\"Enable\"}}}"
finish
for container in "$source" "$target"; do
    ask put "$container" "{\"properties\":{\"providerSpecificInput\":[{$a2a}]}}"
done
finish

say "mappings of containers and networks, cache account"
for pair in "$source $target" "$target $source"; do
    ask put "${pair% *}/replicationProtectionContainerMappings/mapping" \
        "{\"properties\":{\"policyId\":\"$policy\",\"targetProtectionContainerId\":\"${pair#* }\",\"providerSpecificInput\":{$a2a}}}"
    finish
done
ask put "$network" \
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
ask put "$item" "{\"properties\":{\"policyId\":\"$policy\",\"providerSpecificDetails\":{$a2a,\"fabricObjectId\":\"$machine\",\"recoveryContainerId\":\"$target\",\"recoveryResourceGroupId\":\"$group/$TARGET_GROUP\",\"recoveryAzureNetworkId\":\"$TARGET_NETWORK\",\"recoverySubnetName\":\"$SUBNET\",\"vmManagedDisks\":[$wanted]}}}"
finish
until_item protectionState Protected

say "fail over to the latest point, with the source shut down first"
ask post "$item/unplannedFailover" \
    "{\"properties\":{\"failoverDirection\":\"PrimaryToRecovery\",\"sourceSiteOperations\":\"Required\",\"providerSpecificDetails\":{$a2a}}}"
finish
power "$SOURCE_GROUP"
power "$TARGET_GROUP"

say "commit"
ask post "$item/failoverCommit" '{"properties":{}}'
finish
until_item protectionState UnplannedFailoverCommitted

say "disable replication (by DELETE: the source is switched off), and remove what the move needed"
ask delete "$item"
finish
ask delete "$network"
for container in "$source" "$target"; do
    ask post "$container/replicationProtectionContainerMappings/mapping/remove" \
        "{\"properties\":{\"providerSpecificInput\":{\"instanceType\":\"A2A\"}}}"
    finish
done
for container in "$source" "$target"; do ask post "$container/remove"; done
finish
for region in "$SOURCE_REGION" "$TARGET_REGION"; do ask post "$fabrics/$region/remove"; done
ask delete "$policy"
finish
ask delete "$vault"
az storage account delete --ids "$cache" --yes
say "$VM runs in $TARGET_REGION"
