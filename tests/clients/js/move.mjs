// A move with the JavaScript SDK, its pollers and iterators: from the fabrics to the commit, and the way back out.
// Reads one JSON object from argv[2] (where, who and the ids), tells each step on stderr and what it saw on stdout.
import { ClientSecretCredential } from "@azure/identity";
import { SiteRecoveryManagementClient } from "@azure/arm-recoveryservices-siterecovery";

const given = JSON.parse(process.argv[2]);
const { endpoint, ids } = given;
const credential = new ClientSecretCredential(given.tenantId, given.clientId, given.clientSecret, {
  authorityHost: endpoint,
  disableInstanceDiscovery: true,
});
const client = new SiteRecoveryManagementClient(credential, given.subscriptionId, { endpoint });
const vault = [given.vault, given.group];
const source = [...vault, "westeurope", "source"];
const target = [...vault, "northeurope", "target"];
const item = [...source, "web"];
const a2a = { instanceType: "A2A" };
const quick = { updateIntervalInMs: 20 };
const seen = {};

const say = (words) => process.stderr.write(`== ${words}\n`);
const all = async (pages) => {
  const found = [];
  for await (const one of pages) found.push(one);
  return found;
};

async function setUp() {
  say("fabrics, policy, containers");
  for (const region of ["westeurope", "northeurope"]) {
    const customDetails = { instanceType: "Azure", location: region };
    await client.replicationFabrics.beginCreateAndWait(...vault, region, { properties: { customDetails } }, quick);
  }
  const providerSpecificInput = { ...a2a, multiVmSyncStatus: "Enable" };
  const policy = await client.replicationPolicies.beginCreateAndWait(
    ...vault, "daily", { properties: { providerSpecificInput } }, quick);
  for (const place of [source, target]) {
    const input = { properties: { providerSpecificInput: [a2a] } };
    await client.replicationProtectionContainers.beginCreateAndWait(...place, input, quick);
  }
  say("mappings");
  for (const [place, other] of [[source, ids.targetContainer], [target, ids.sourceContainer]]) {
    const properties = { policyId: policy.id, targetProtectionContainerId: other, providerSpecificInput: a2a };
    const mapping = await client.replicationProtectionContainerMappings.beginCreateAndWait(
      ...place, "mapping", { properties }, quick);
    seen.paired = mapping.properties.state;
  }
  const fabricSpecificDetails = { instanceType: "AzureToAzure", primaryNetworkId: ids.sourceNetwork };
  const properties = { recoveryFabricName: "northeurope", recoveryNetworkId: ids.targetNetwork, fabricSpecificDetails };
  await client.replicationNetworkMappings.beginCreateAndWait(
    ...vault, "westeurope", "azureNetwork", "network", { properties }, quick);
  return policy.id;
}

async function until(state) {
  for (;;) {
    const found = await client.replicationProtectedItems.get(...item);
    if (found.properties.protectionState === state) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function protect(policyId) {
  say("enable replication");
  const vmManagedDisks = ids.disks.map((diskId) => ({
    diskId, primaryStagingAzureStorageAccountId: ids.cache, recoveryResourceGroupId: ids.targetGroup,
  }));
  const providerSpecificDetails = {
    ...a2a, fabricObjectId: ids.machine, recoveryContainerId: ids.targetContainer, vmManagedDisks,
    recoveryResourceGroupId: ids.targetGroup, recoveryAzureNetworkId: ids.targetNetwork, recoverySubnetName: "front",
  };
  const input = { properties: { policyId, providerSpecificDetails } };
  // A poller by hand: it is stopped, written down, and taken up again, as another process would.
  const poller = await client.replicationProtectedItems.beginCreate(...item, input, quick);
  const token = poller.toString();
  const again = await client.replicationProtectedItems.beginCreate(...item, input, { ...quick, resumeFrom: token });
  const made = await again.pollUntilDone();
  seen.resumed = made.properties.friendlyName;
  const found = await until("Protected");
  seen.details = found.properties.providerSpecificDetails.instanceType;
  seen.disks = found.properties.providerSpecificDetails.protectedManagedDisks.length;
}

async function failOver() {
  say("fail over");
  const properties = {
    failoverDirection: "PrimaryToRecovery", sourceSiteOperations: "Required", providerSpecificDetails: a2a,
  };
  const over = await client.replicationProtectedItems.beginUnplannedFailoverAndWait(...item, { properties }, quick);
  seen.active = over.properties.activeLocation;
  say("commit");
  const committed = await client.replicationProtectedItems.beginFailoverCommitAndWait(...item, quick);
  seen.committed = committed.properties.protectionState;
}

async function leave() {
  say("disable replication");
  try {
    await client.replicationProtectedItems.beginDeleteAndWait(...item, { properties: {} }, quick);
  } catch (refusal) {
    seen.refused = refusal.message;
  }
  await client.replicationProtectedItems.beginPurgeAndWait(...item, quick);
  try {
    await client.replicationProtectedItems.get(...item);
  } catch (absent) {
    seen.absent = [absent.name, absent.statusCode, absent.code];
  }
  seen.jobs = (await all(client.replicationJobs.list(...vault))).map((job) => job.properties.scenarioName);
  const sized = [];
  for await (const page of client.replicationJobs.list(...vault).byPage()) sized.push(page.length);
  seen.pages = sized;
  seen.fabrics = (await all(client.replicationFabrics.list(...vault))).map((fabric) => fabric.name);
}

const policyId = await setUp();
await protect(policyId);
await failOver();
await leave();
process.stdout.write(`${JSON.stringify(seen)}\n`);
