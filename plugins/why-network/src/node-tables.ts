/** What nodes have in force of services and policies: asked of this process, or of the node where it is. */
import { errorMessage, type Env, type Many, type OptionalRef } from '@timonel/sdk';
import type { NetworkPolicyEnforcer, NetworkPolicyStatus } from '@timonel/sdk/contracts/network-policy';
import type { NodeEndpoint, NodeNetworkState, NodeResolver } from '@timonel/sdk/contracts/node';
import type { ProxyStatus, ServiceProxy } from '@timonel/sdk/contracts/proxy';
import type { NodeTables, TableState } from '@timonel/sdk/contracts/why';
import { compareResourceVersions } from '@timonel/sdk/controller';
import type { Node } from '@timonel/sdk/kube';
import { isReadyNode } from './scene.ts';

export interface TableSources {
  readonly env: Pick<Env, 'timers'>;
  /** Of the node in this process, if there is one. */
  readonly proxy: OptionalRef<ServiceProxy>;
  readonly policies: OptionalRef<NetworkPolicyEnforcer>;
  readonly here: Many<NodeEndpoint>;
  readonly resolvers: Many<NodeResolver>;
}

/** A node that does not answer in this time is left out: the answer about policies does not need it. */
const answerLimitMs = 2000;

/** Of each resource, by its plural name: the newest version of the objects that count for the question. */
export type Versions = Readonly<Record<string, string>>;

/** Undefined: the node does not say how far it is. */
function isCurrent(wanted: Versions, inForce: Versions | undefined): boolean | undefined {
  if (inForce === undefined || Object.keys(inForce).length === 0) return undefined;
  return Object.entries(wanted).every(([resource, version]) => {
    // What a table does not depend on it does not follow.
    const own = inForce[resource];
    return own === undefined || compareResourceVersions(own, version) >= 0;
  });
}

function stateOf(status: ProxyStatus | NetworkPolicyStatus, wanted: Versions): TableState {
  const { implementation, lastSyncAt, lastError, versions } = status;
  const current = isCurrent(wanted, versions);
  return {
    implementation,
    lastSyncAt,
    ...(current === undefined ? {} : { current }),
    ...(lastError === undefined ? {} : { lastError }),
  };
}

async function stateHere({ proxy, policies }: TableSources): Promise<NodeNetworkState> {
  const [one, other] = [await proxy.current?.status(), await policies.current?.status()];
  return { ...(one === undefined ? {} : { proxy: one }), ...(other === undefined ? {} : { policies: other }) };
}

async function stateThere(name: string, { resolvers }: TableSources): Promise<NodeNetworkState> {
  for (const { service } of resolvers.all()) {
    const node = await service.resolve(name);
    if (node?.network !== undefined) return node.network();
  }
  throw new Error('nobody here can ask it');
}

async function inTime<T>(work: Promise<T>, env: TableSources['env']): Promise<T> {
  const over = new AbortController();
  const late = env.timers.sleep(answerLimitMs, over.signal).then(() => {
    throw new Error(`it gave no answer within ${answerLimitMs / 1000} s`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
    late.catch(() => undefined);
  }
}

/** Never rejects: what could not be asked is said. */
export async function tablesOf(
  name: string,
  node: Node | undefined,
  sources: TableSources,
  wanted: Versions = {},
): Promise<NodeTables> {
  const isHere = sources.here.all().some(({ service }) => service.nodeName() === name);
  const common = { node: name, ready: isReadyNode(node) };
  try {
    const { proxy, policies } = await inTime(isHere ? stateHere(sources) : stateThere(name, sources), sources.env);
    return {
      ...common,
      ...(proxy === undefined ? {} : { proxy: stateOf(proxy, wanted) }),
      ...(policies === undefined ? {} : { policies: stateOf(policies, wanted) }),
    };
  } catch (error) {
    return { ...common, problem: errorMessage(error) };
  }
}
