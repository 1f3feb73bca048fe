/** Connections to webhooks are kept for a while: those of one configuration share them. */
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

/** Most configurations whose connections are kept. */
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

const agents = new Map<string, Agent>();

export function serviceOf({ service }: WebhookClientConfig): WebhookService | undefined {
  return service === undefined
    ? undefined
    : { namespace: service.namespace, name: service.name, port: service.port ?? 443 };
}

/** The agent of a configuration. `dial`: asked for each connection to its service. */
export function agentOf(config: WebhookClientConfig, dial: DialService | undefined): Agent {
  const key = JSON.stringify([config.url, config.service, config.caBundle]);
  let agent = agents.get(key);
  if (agent !== undefined) {
    agents.delete(key);
    agents.set(key, agent);
    return agent;
  }
  const ca = config.caBundle === undefined ? undefined : Buffer.from(config.caBundle, 'base64').toString('utf8');
  const service = serviceOf(config);
  agent =
    service === undefined
      ? new Agent({ ...socketOptions, ...(ca === undefined ? {} : { ca }) })
      : new ServiceAgent(() => dialOrRefuse(dial, service), {
          servername: `${service.name}.${service.namespace}.svc`,
          ca,
        });
  agents.set(key, agent);
  const [oldest] = agents;
  if (agents.size > capacity && oldest !== undefined) {
    agents.delete(oldest[0]);
    oldest[1].destroy();
  }
  return agent;
}

async function dialOrRefuse(dial: DialService | undefined, service: WebhookService): Promise<Duplex> {
  if (dial !== undefined) return dial(service);
  throw new Error(`no plugin connects to services: ${service.namespace}/${service.name}`);
}

/** Ends the connections that are kept. */
export function closeWebhookConnections(): void {
  for (const agent of agents.values()) agent.destroy();
  agents.clear();
}
