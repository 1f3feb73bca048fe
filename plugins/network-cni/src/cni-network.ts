import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage, Turns, type Logger, type Timers } from '@timonel/sdk';
import {
  NetworkError,
  unsupportedOf,
  type Attachment,
  type AttachRequest,
  type NetworkWarning,
  type NodeNetwork,
  type PodNetwork,
} from '@timonel/sdk/contracts/network';
import {
  addToNetwork,
  checkInNetwork,
  collectGarbage,
  deleteFromNetwork,
  hasCapability,
  networkStatus,
} from './chain.ts';
import { capabilitiesOf } from './capabilities.ts';
import type { NetworkCniConfig } from './config.ts';
import { MemberFiles, type Member } from './member-files.ts';
import { readNetworkList, type NetworkList } from './network-list.ts';
import { nodeAddress, podCidrOf } from './node-facts.ts';
import type { PluginPlace } from './plugin-call.ts';
import { addressesOf } from './result.ts';

const podInterface = 'eth0';

/** Each pod has this one, too: its loopback link is up. */
const loopback: NetworkList = {
  name: 'cni-loopback',
  cniVersion: '0.4.0',
  disableCheck: true,
  disableGC: true,
  plugins: [{ type: 'loopback' }],
};

export class CniNetwork implements PodNetwork {
  readonly #config: NetworkCniConfig;
  readonly #place: PluginPlace;
  readonly #files: MemberFiles;
  readonly #log: Logger;
  readonly #members: Map<string, Member> = new Map();
  // Calls for one sandbox run one after the other; those for different ones side by side.
  readonly #turns: Turns = new Turns();

  constructor(dataDir: string, config: NetworkCniConfig, log: Logger, timers: Timers) {
    this.#config = config;
    this.#place = { pluginDirectories: config.pluginDirectories, timeoutMs: config.timeoutMs, timers };
    this.#files = new MemberFiles(join(dataDir, 'pods'));
    this.#log = log;
  }

  async start(): Promise<void> {
    const list = await this.#list();
    await networkStatus(this.#place, list);
    podCidrOf(this.#config, list);
    for (const member of await this.#files.load()) this.#members.set(member.sandboxId, member);
    this.#log.info({ network: list.name, attachments: this.#members.size }, 'pod network is up');
  }

  async stop(): Promise<void> {
    await this.#turns.idle();
  }

  async probe(): Promise<void> {
    await networkStatus(this.#place, await this.#list());
  }

  async nodeNetwork(): Promise<NodeNetwork> {
    return { podCidr: podCidrOf(this.#config, await this.#list()), nodeAddress: nodeAddress(this.#config) };
  }

  attach(request: AttachRequest): Promise<Attachment> {
    return this.#turns.run(request.sandboxId, () => this.#attach(request));
  }

  detach(sandboxId: string): Promise<void> {
    return this.#turns.run(sandboxId, () => this.#detach(sandboxId));
  }

  async list(): Promise<readonly Attachment[]> {
    return [...this.#members.values()].filter(({ result }) => result !== undefined).map(attachmentOf);
  }

  async retain(sandboxIds: readonly string[]): Promise<number> {
    const keep = new Set(sandboxIds);
    const drop = [...this.#members.keys()].filter((id) => !keep.has(id));
    await Promise.all(drop.map((id) => this.detach(id)));
    const valid = [...this.#members.keys()].map((containerID) => ({ containerID, ifname: podInterface }));
    await this.#list()
      .then((list) => collectGarbage(this.#place, list, valid))
      .catch((error: unknown) => this.#log.warn({ error: errorMessage(error) }, 'CNI plugins did not clear away'));
    return drop.length;
  }

  #list(): Promise<NetworkList> {
    return readNetworkList(this.#config.confDirectory, this.#config.network);
  }

  async #attach(request: AttachRequest): Promise<Attachment> {
    const { sandboxId } = request;
    const networkNamespace = await namespaceOf(request);
    const known = this.#members.get(sandboxId);
    if (known?.result !== undefined && known.networkNamespace === networkNamespace) {
      const problem = await checkInNetwork(this.#place, known, known.result);
      if (problem === undefined) return attachmentOf(known);
      this.#log.warn({ sandboxId, problem }, 'the network of a pod is made anew');
    }
    if (known !== undefined) await this.#detach(sandboxId);
    return this.#attachNew(request, networkNamespace);
  }

  async #attachNew(request: AttachRequest, networkNamespace: string): Promise<Attachment> {
    const { sandboxId, podNamespace, podName, podUid } = request;
    const list = await this.#list();
    const args = { K8S_POD_NAMESPACE: podNamespace, K8S_POD_NAME: podName, K8S_POD_UID: podUid };
    const pairs = Object.entries({ IgnoreUnknown: '1', ...args, K8S_POD_INFRA_CONTAINER_ID: sandboxId });
    const member: Member = {
      sandboxId,
      networkNamespace,
      variables: {
        CNI_CONTAINERID: sandboxId,
        CNI_NETNS: networkNamespace,
        CNI_IFNAME: podInterface,
        CNI_ARGS: pairs.map(([name, value]) => `${name}=${value}`).join(';'),
      },
      list,
      capabilities: capabilitiesOf(request),
    };
    this.#members.set(sandboxId, member);
    await this.#files.save(member);
    try {
      await addToNetwork(this.#place, loopbackOf(member));
      const added = { ...member, result: await addToNetwork(this.#place, member) };
      addressesOf(added.result, list.name);
      this.#members.set(sandboxId, added);
      await this.#files.save(added);
      const warnings = warningsOf(list, request);
      return { ...attachmentOf(added), ...(warnings.length === 0 ? {} : { warnings }) };
    } catch (error) {
      // What cannot be taken away now is when the sandbox goes.
      await this.#detach(sandboxId).catch(() => undefined);
      throw error;
    }
  }

  async #detach(sandboxId: string): Promise<void> {
    const member = this.#members.get(sandboxId);
    if (member === undefined) return;
    const isThere = await access(member.networkNamespace).then(
      () => true,
      () => false,
    );
    const variables = { ...member.variables, CNI_NETNS: isThere ? member.networkNamespace : '' };
    await deleteFromNetwork(this.#place, { ...member, variables }, member.result);
    this.#members.delete(sandboxId);
    await this.#files.remove(sandboxId);
  }
}

async function namespaceOf({ sandboxId, networkNamespace }: AttachRequest): Promise<string> {
  if (networkNamespace === undefined) {
    throw new NetworkError('NO_NAMESPACE', `sandbox ${sandboxId} has no network namespace; network-cni needs one`);
  }
  await access(networkNamespace).catch(() => {
    throw new NetworkError(
      'NO_NAMESPACE',
      `the network namespace ${networkNamespace} of sandbox ${sandboxId} does not exist`,
    );
  });
  return networkNamespace;
}

function loopbackOf(member: Member): Member {
  return { ...member, list: loopback, variables: { ...member.variables, CNI_IFNAME: 'lo' }, capabilities: {} };
}

function attachmentOf({ sandboxId, list, result }: Member): Attachment {
  return { sandboxId, ...addressesOf(result, list.name), interfaceName: podInterface };
}

function warningsOf(list: NetworkList, request: AttachRequest): readonly NetworkWarning[] {
  const { hostPorts, bandwidth } = request;
  const lacking = {
    ...(hostPorts === undefined || hasCapability(list, 'portMappings') ? {} : { hostPorts }),
    ...(bandwidth === undefined || hasCapability(list, 'bandwidth') ? {} : { bandwidth }),
  };
  return unsupportedOf(lacking, `no plugin of the CNI network ${list.name} has this capability`);
}
