/** The node's own process, inside of the namespaces: takes over what arrives at the machine's ports. */
import { connect, isIP, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { mustRun } from '@timonel/sdk/command';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { nodes, services, type Service } from '@timonel/sdk/kube';
import { addressClass } from '@timonel/sdk/tunnel';
import { isEveryAddress, type Place } from '../cluster/addresses.ts';
import type { ToInner, ToOuter } from './handed-over.ts';

/** Connections of one port at once; one more is ended at once. */
const connectionLimit = 4096;
/** Before services are watched again. */
const pauseMs = 500;

export class Inner {
  readonly #api: Place;
  readonly #nodePorts = new Map<number, Server>();
  #wanted: ReadonlySet<number> = new Set();
  #nodeAddress = '127.0.0.1';

  /** `api`: where it is asked to listen. */
  constructor(api: Place) {
    this.#api = api;
  }

  /** From now on signals come from outside, and the end of the process there is the end of this one. */
  async open(): Promise<void> {
    process.on('message', (message: ToInner, handle: unknown) => {
      this.#take(message, handle as Server | undefined);
    });
    process.once('disconnect', () => process.exit(1));
    // An address of the machine is none of ours: so that the API can listen there too.
    const { address } = this.#api;
    if (isIP(address) !== 0 && !isEveryAddress(address) && addressClass(address) !== 'loopback') {
      await mustRun('ip', ['addr', 'replace', address, 'dev', 'lo']);
    }
  }

  #take(message: ToInner, server: Server | undefined): void {
    if (message.kind === 'stop') process.emit(message.signal);
    else if (server !== undefined && message.kind === 'api') {
      const { address, port } = this.#api;
      serve(server, () => ({ host: isEveryAddress(address) ? '127.0.0.1' : address, port }));
    } else if (server !== undefined && message.kind === 'nodePort') {
      const { port } = message;
      if (!this.#wanted.has(port)) {
        server.close();
        return;
      }
      this.#nodePorts.set(port, server);
      serve(server, () => ({ host: this.#nodeAddress, port }));
    }
  }

  /** From now on the node ports of services (TCP) are open on the machine. */
  async followNodePorts(api: ApiClient, nodeName: string): Promise<void> {
    const { status } = await api.get(nodes, { name: nodeName });
    this.#nodeAddress = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? this.#nodeAddress;
    void this.#follow(api);
  }

  /** Ends with the process. A watch that ends, as watches do, is taken up again. */
  async #follow(api: ApiClient): Promise<void> {
    for (;;) {
      await this.#watch(api).catch(() => undefined);
      await sleep(pauseMs, undefined, { ref: false });
    }
  }

  async #watch(api: ApiClient): Promise<void> {
    const { items, metadata } = await api.list(services);
    const ports = new Map(items.map((service) => [service.metadata.uid, nodePortsOf(service)]));
    this.#want(new Set([...ports.values()].flat()));
    const { resourceVersion = '' } = metadata;
    for await (const { type, object } of api.watch(services, { resourceVersion })) {
      if (type === 'DELETED') ports.delete(object.metadata.uid);
      else if (type !== 'BOOKMARK') ports.set(object.metadata.uid, nodePortsOf(object));
      this.#want(new Set([...ports.values()].flat()));
    }
  }

  #want(ports: ReadonlySet<number>): void {
    const before = this.#wanted;
    if (ports.size === before.size && [...ports].every((port) => before.has(port))) return;
    this.#wanted = ports;
    for (const [port, server] of this.#nodePorts) {
      if (ports.has(port)) continue;
      server.close();
      this.#nodePorts.delete(port);
    }
    const message: ToOuter = { kind: 'nodePorts', ports: [...ports] };
    process.send?.(message);
  }
}

function nodePortsOf({ spec }: Service): readonly number[] {
  const isTcp = ({ protocol = 'TCP' }: { readonly protocol?: string }): boolean => protocol === 'TCP';
  return (spec.ports ?? []).filter(isTcp).flatMap(({ nodePort }) => (nodePort === undefined ? [] : [nodePort]));
}

function serve(server: Server, target: () => { readonly host: string; readonly port: number }): void {
  server.maxConnections = connectionLimit;
  // Not among the options of a server that was handed over.
  Object.assign(server, { allowHalfOpen: true, noDelay: true });
  server.on('connection', (client: Socket) =>
    join(client, connect({ ...target(), allowHalfOpen: true, noDelay: true })),
  );
}

/** Each end of input is passed on by itself; what breaks one breaks the other. */
function join(client: Socket, upstream: Socket): void {
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    from.on('error', () => to.destroy());
    from.once('close', () => {
      if (!from.readableEnded) to.destroy();
    });
    from.pipe(to);
  }
}
