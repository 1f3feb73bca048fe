import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage, Turns, type Logger, type Timers } from '@timonel/sdk';
import {
  AddressPool,
  familyOf,
  NetworkError,
  unsupportedOf,
  type Attachment,
  type AttachRequest,
  type IpFamily,
  type NetworkWarning,
  type NodeNetwork,
  type PodNetwork,
} from '@timonel/sdk/contracts/network';
import { AttachmentFile, type AttachmentRecord } from './attachment-file.ts';
import { asksRulesForFrames } from './bridge-netfilter.ts';
import { Bridge, listLinks } from './bridge.ts';
import type { NetworkBridgeConfig } from './config.ts';
import { HostPortFlows } from './host-port-flows.ts';
import { HostPorts } from './host-ports.ts';
import { namesFor, podInterface, type Names } from './names.ts';
import { PodRanges } from './pod-ranges.ts';
import { PodLinks, type LinkAddress } from './pod-link.ts';
import { RouteMtu } from './route-mtu.ts';

const noNft = 'nft is not installed (apt-get install nftables)';

export class BridgeNetwork implements PodNetwork {
  readonly #names: Names;
  readonly #config: NetworkBridgeConfig;
  readonly #pods: PodRanges;
  readonly #bridge: Bridge;
  /** Of offsets in the ranges. */
  readonly #pool: AddressPool;
  readonly #file: AttachmentFile;
  readonly #log: Logger;
  readonly #links: PodLinks;
  readonly #hostPorts: readonly HostPorts[];
  readonly #flows: HostPortFlows;
  readonly #routeMtu: RouteMtu;
  #isStarted = false;
  #starting: Promise<void> | undefined;
  readonly #records: Map<string, AttachmentRecord> = new Map();
  // Calls for one sandbox run one after the other; those for different ones side by side.
  readonly #turns: Turns = new Turns();

  constructor(dataDir: string, config: NetworkBridgeConfig, log: Logger, timers: Timers) {
    this.#names = namesFor(dataDir);
    this.#config = config;
    this.#pods = new PodRanges(config);
    this.#bridge = new Bridge(this.#names, config, this.#pods, log);
    // Not the network's and the gateway's.
    this.#pool = new AddressPool(2, this.#pods.lastOffset);
    this.#file = new AttachmentFile(join(dataDir, 'attachments.json'));
    this.#log = log;
    this.#links = new PodLinks(timers, this.#names.group);
    const { hostPortTable, bridge } = this.#names;
    this.#hostPorts = this.#pods.ranges.map(({ range }) => new HostPorts(hostPortTable, bridge, range.family));
    this.#flows = new HostPortFlows(log);
    this.#routeMtu = new RouteMtu(join(dataDir, 'route-mtu'));
  }

  /** Reads what an earlier run left, keeps its links, and makes what is missing of the bridge. */
  start(): Promise<void> {
    this.#starting = this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    const records = await this.#file.load();
    try {
      // What is known of the ways is as old as the bridge, which a reboot takes.
      await ((await this.#bridge.ensure()) ? this.#routeMtu.forget() : this.#routeMtu.load());
    } catch (error) {
      // Half a bridge would stay behind: no instance stops what never started.
      if (records.length === 0) await this.#bridge.remove().catch(() => undefined);
      throw error;
    }
    for (const record of records) {
      const offset = this.#pods.offsetOf(record.address);
      if (offset !== undefined && this.#pool.reserve(offset)) this.#records.set(record.sandboxId, record);
      else this.#log.warn({ ...record, podCidr: this.#config.podCidr }, 'an attachment does not fit podCidr: dropped');
    }
    const known = new Set([...this.#records.values()].map(({ veth }) => veth));
    const stray = await this.#bridge.strayLinks(known);
    await this.#links.delete(stray);
    await this.#publish();
    this.#isStarted = true;
    const { bridge } = this.#names;
    this.#log.info({ bridge, attachments: this.#records.size, strayLinks: stray.length }, 'pod network is up');
  }

  /** Leaves nothing behind when the last pod is gone; while pods run on, their network does too. Whatever the reason. */
  async stop(): Promise<void> {
    // A stop may come in the middle of a start: what it makes must not stay.
    await Promise.allSettled([this.#starting, this.#turns.idle()]);
    await this.#links.close();
    // Not started means: what pods are there is not known.
    if (!this.#isStarted || this.#records.size > 0) return;
    await this.#bridge.remove();
    await this.#routeMtu.forget();
  }

  async probe(): Promise<void> {
    const links = await listLinks();
    if (!links.some(({ name }) => name === this.#names.bridge)) {
      throw new NetworkError('COMMAND_FAILED', `the bridge ${this.#names.bridge} is gone`);
    }
  }

  async nodeNetwork(): Promise<NodeNetwork> {
    const { podCidr, podCidr6 } = this.#config;
    const [{ gateway: nodeAddress }, second] = this.#pods.ranges;
    return {
      podCidr,
      nodeAddress,
      ...(podCidr6 === undefined || second === undefined ? {} : { podCidr6, nodeAddress6: second.gateway }),
    };
  }

  attach(request: AttachRequest): Promise<Attachment> {
    return this.#turns.run(request.sandboxId, () => this.#attach(request));
  }

  detach(sandboxId: string): Promise<void> {
    return this.#turns.run(sandboxId, () => this.#detach(sandboxId));
  }

  async list(): Promise<readonly Attachment[]> {
    return [...this.#records.values()].map((record) => this.#attachment(record));
  }

  async limitMtu(bytes: number): Promise<void> {
    if (!this.#isStarted || !this.#routeMtu.lower(bytes, this.#bridge.mtuBytes)) return;
    this.#log.info({ bytes }, 'a way to another node has less room: packets of pods get smaller');
    const told = [...this.#records.values()].map((record) =>
      this.#turns.run(record.sandboxId, () => this.#limit(record)),
    );
    await Promise.all(told);
    await this.#routeMtu.save();
  }

  /** A pod that does not hear of it finds out by itself, with ICMP. */
  async #limit({ sandboxId, networkNamespace, pod }: AttachmentRecord): Promise<void> {
    const bytes = this.#routeMtu.below(this.#bridge.mtuBytes);
    if (bytes === undefined || !this.#records.has(sandboxId)) return;
    const gateways = this.#pods.ranges.map(({ gateway }) => gateway);
    await this.#links.limitRoutes(networkNamespace, bytes, gateways).catch((error: unknown) => {
      this.#log.warn({ pod, error: errorMessage(error) }, 'a pod could not be told how large its packets may be');
    });
  }

  async retain(sandboxIds: readonly string[]): Promise<number> {
    const keep = new Set(sandboxIds);
    const drop = [...this.#records.keys()].filter((id) => !keep.has(id));
    await Promise.all(drop.map((id) => this.detach(id)));
    return drop.length;
  }

  async #attach(request: AttachRequest): Promise<Attachment> {
    const { sandboxId, networkNamespace } = request;
    if (networkNamespace === undefined) {
      throw new NetworkError(
        'NO_NAMESPACE',
        `sandbox ${sandboxId} has no network namespace; network-bridge needs one (network-loopback does not)`,
      );
    }
    await access(networkNamespace).catch(() => {
      throw new NetworkError(
        'NO_NAMESPACE',
        `the network namespace ${networkNamespace} of sandbox ${sandboxId} does not exist`,
      );
    });
    const known = this.#records.get(sandboxId);
    if (known === undefined) return this.#attachNew(request, networkNamespace);
    if (await hasLink(known.veth)) return this.#attachment(known);
    const warnings = await this.#link(known, request);
    return { ...this.#attachment(known), ...(warnings.length === 0 ? {} : { warnings }) };
  }

  async #attachNew(request: AttachRequest, networkNamespace: string): Promise<Attachment> {
    const { sandboxId } = request;
    const offset = this.#pool.take();
    if (offset === undefined) {
      throw new NetworkError(
        'ADDRESSES_EXHAUSTED',
        `all ${this.#records.size} addresses of podCidr ${this.#config.podCidr} are in use`,
      );
    }
    const hasPorts = (request.hostPorts ?? []).length > 0;
    const canPublish = hasPorts && (await this.#bridge.hasNft());
    const record: AttachmentRecord = {
      sandboxId,
      address: this.#pods.addressesAt(offset)[0],
      veth: this.#freeVethName(sandboxId),
      networkNamespace,
      pod: `${request.podNamespace}/${request.podName}`,
      ...(canPublish ? { hostPorts: request.hostPorts ?? [] } : {}),
    };
    this.#records.set(sandboxId, record);
    const warnings = hasPorts && !canPublish ? [...unsupportedOf({ hostPorts: request.hostPorts ?? [] }, noNft)] : [];
    try {
      warnings.push(...(await this.#link(record, request)));
      // Before its ports: those of a pod that is not remembered would go on to whoever has its address next.
      await this.#save();
      if (canPublish) {
        await this.#publish();
        await this.#flows.begin(request.hostPorts ?? [], this.#families);
      }
    } catch (error) {
      await this.#links.delete([record.veth]).catch(() => undefined);
      this.#records.delete(sandboxId);
      if (canPublish) await this.#publish().catch(() => undefined);
      this.#pool.free(offset);
      await this.#save().catch(() => undefined);
      throw error;
    }
    return { ...this.#attachment(record), ...(warnings.length === 0 ? {} : { warnings }) };
  }

  async #detach(sandboxId: string): Promise<void> {
    const record = this.#records.get(sandboxId);
    if (record === undefined) return;
    await this.#links.delete([record.veth]);
    this.#records.delete(sandboxId);
    try {
      await this.#withdraw(record);
      await this.#save();
    } catch (error) {
      // As long as its ports lead to its address or it is remembered, nobody else may have that; the next try begins with this record.
      this.#records.set(sandboxId, record);
      throw error;
    }
    const offset = this.#pods.offsetOf(record.address);
    if (offset !== undefined) this.#pool.free(offset);
  }

  async #withdraw({ address, hostPorts }: AttachmentRecord): Promise<void> {
    if (hostPorts === undefined) return;
    await this.#publish();
    await this.#flows.cease(hostPorts, this.#pods.addressesOf(address));
  }

  async #link({ veth, address }: AttachmentRecord, request: AttachRequest): Promise<readonly NetworkWarning[]> {
    return this.#links.create({
      veth,
      bridge: this.#names.bridge,
      networkNamespace: request.networkNamespace ?? '',
      macAddress: this.#pods.macAt(this.#pods.offsetOf(address) ?? 0),
      mtuBytes: this.#bridge.mtuBytes,
      routeMtuBytes: this.#routeMtu.below(this.#bridge.mtuBytes),
      ipv4: this.#linkAddress(address, 4),
      ipv6: this.#linkAddress(address, 6),
      isIsolated: !(await asksRulesForFrames(this.#families)),
      bandwidth: request.bandwidth,
    });
  }

  get #families(): readonly IpFamily[] {
    return this.#pods.ranges.map(({ range }) => range.family);
  }

  #linkAddress(address: string, family: IpFamily): LinkAddress | undefined {
    const gateway = this.#pods.gatewayOf(family);
    const own = this.#pods.addressesOf(address).find((one) => familyOf(one) === family);
    return gateway === undefined || own === undefined ? undefined : { address: own, gateway };
  }

  /** The ports of the node that lead to pods: of each family those that pods have addresses of. */
  async #publish(): Promise<void> {
    const records = [...this.#records.values()].map(({ address, hostPorts = [] }) => ({
      addresses: this.#pods.addressesOf(address),
      hostPorts,
    }));
    for (const [index, ports] of this.#hostPorts.entries()) {
      await ports.set(() =>
        records.map(({ addresses, hostPorts }) => ({ address: addresses[index] ?? '', hostPorts })),
      );
    }
  }

  #freeVethName(sandboxId: string): string {
    const used = new Set([...this.#records.values()].map(({ veth }) => veth));
    for (let salt = 0; ; salt++) {
      const veth = this.#names.veth(sandboxId, salt);
      if (!used.has(veth)) return veth;
    }
  }

  #attachment({ sandboxId, address }: AttachmentRecord): Attachment {
    return {
      sandboxId,
      addresses: this.#pods.addressesOf(address),
      interfaceName: podInterface,
      gateway: this.#pods.ranges[0].gateway,
    };
  }

  #save(): Promise<void> {
    return this.#file.save(() => this.#records.values());
  }
}

async function hasLink(name: string): Promise<boolean> {
  // Not /sys/class/net: that is the view of whoever mounted it, this one of the process itself.
  const text = await readFile('/proc/net/dev', 'utf8');
  return text.split('\n').some((line) => line.trimStart().startsWith(`${name}:`));
}
