/** Connections to webhooks are kept for a while: those of one place share them. */
import { Agent, type AgentOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { WebhookClientConfig } from '../kube/index.ts';

export interface WebhookService {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

/** Connects to a ready endpoint of a service. */
export type DialService = (service: WebhookService) => Promise<Duplex>;

type Connected = (error: Error | null, socket: Duplex) => void;

/** Most places whose connections are kept. */
const capacity = 100;
const socketOptions: AgentOptions = { keepAlive: true, maxSockets: 64, maxFreeSockets: 4, timeout: 60_000 };

class ServiceAgent extends Agent {
  readonly #dial: () => Promise<Duplex>;
  readonly #tls: { readonly servername: string; readonly ca: string | undefined };

  constructor(dial: () => Promise<Duplex>, tls: { servername: string; ca: string | undefined }) {
    super(socketOptions);
    this.#dial = dial;
    this.#tls = tls;
  }

  override createConnection(_options: unknown, connected?: Connected): undefined {
    const { servername, ca } = this.#tls;
    this.#dial().then(
      (socket) => {
        const secured = connectTls({
          socket,
          servername,
          ALPNProtocols: ['http/1.1'],
          ...(ca === undefined ? {} : { ca }),
        });
        socket.once('error', (error) => secured.destroy(error));
        socket.once('close', () => secured.destroy());
        connected?.(null, secured);
      },
      (error: unknown) => connected?.(error as Error, undefined as never),
    );
    return undefined;
  }
}

export function serviceOf({ service }: WebhookClientConfig): WebhookService | undefined {
  return service === undefined
    ? undefined
    : { namespace: service.namespace, name: service.name, port: service.port ?? 443 };
}

function keyOf({ url = '', caBundle }: WebhookClientConfig, service: WebhookService | undefined): string {
  const place = service === undefined ? new URL(url).origin : [service.namespace, service.name, service.port];
  return JSON.stringify([place, caBundle]);
}

const isInUse = (agent: Agent): boolean => Object.keys(agent.sockets).length > 0;

/** The connections of one plugin. */
export class WebhookConnections {
  readonly #dial: DialService | undefined;
  readonly #agents = new Map<string, Agent>();
  /** Those that had to make room while they were in use. */
  #retired: readonly Agent[] = [];

  /** `dial`: asked for each connection to a service. */
  constructor(dial?: DialService) {
    this.#dial = dial;
  }

  agentOf(config: WebhookClientConfig): Agent {
    const service = serviceOf(config);
    const key = keyOf(config, service);
    const agent = this.#agents.get(key) ?? this.#agentOf(config, service);
    this.#agents.delete(key);
    this.#agents.set(key, agent);
    const [oldest] = this.#agents;
    if (this.#agents.size > capacity && oldest !== undefined) {
      this.#agents.delete(oldest[0]);
      this.#retire(oldest[1]);
    }
    return agent;
  }

  close(): void {
    for (const agent of [...this.#agents.values(), ...this.#retired]) agent.destroy();
    this.#agents.clear();
    this.#retired = [];
  }

  #agentOf({ caBundle }: WebhookClientConfig, service: WebhookService | undefined): Agent {
    const ca = caBundle === undefined ? undefined : Buffer.from(caBundle, 'base64').toString('utf8');
    if (service === undefined) return new Agent({ ...socketOptions, ...(ca === undefined ? {} : { ca }) });
    const servername = `${service.name}.${service.namespace}.svc`;
    return new ServiceAgent(() => dialOrRefuse(this.#dial, service), { servername, ca });
  }

  /** Calls that are under way go on; their connections end with them. */
  #retire(agent: Agent): void {
    Object.assign(agent, { keepAlive: false });
    for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
    this.#retired = [...this.#retired, agent].filter(isInUse);
  }
}

async function dialOrRefuse(dial: DialService | undefined, service: WebhookService): Promise<Duplex> {
  if (dial !== undefined) return dial(service);
  throw new Error(`no plugin connects to services: ${service.namespace}/${service.name}`);
}
