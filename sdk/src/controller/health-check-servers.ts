/**
 * Answers load balancers from outside on the health-check node ports of services whose external traffic policy is Local: 200 while this
 * node has endpoints, 503 when it has none. Source: `healthCheckNodePort` in Kubernetes' API reference; the answer is kube-proxy's.
 */
import { createServer, type Server } from 'node:http';
import type { ServicePortRule } from '../contracts/proxy/index.ts';
import { errorMessage, type Logger } from '../kernel/index.ts';

interface Check {
  readonly namespace: string;
  readonly name: string;
  localEndpoints: number;
}

interface Open {
  readonly server: Server;
  check: Check;
}

export class HealthCheckServers {
  readonly #log: Logger;
  readonly #open = new Map<number, Open>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** A port that another program has is said and tried again with the next change. */
  async apply(rules: readonly ServicePortRule[]): Promise<void> {
    const wanted = new Map<number, Check>();
    for (const { id, healthCheck } of rules) {
      if (healthCheck === undefined) continue;
      const [namespace = '', name = ''] = id.slice(0, id.indexOf(':')).split('/');
      wanted.set(healthCheck.port, { namespace, name, localEndpoints: healthCheck.localEndpoints });
    }
    for (const [port, { server }] of this.#open) {
      if (wanted.has(port)) continue;
      this.#open.delete(port);
      await closed(server);
    }
    for (const [port, check] of wanted) {
      const open = this.#open.get(port);
      if (open === undefined) await this.#listen(port, check);
      else open.check = check;
    }
  }

  async close(): Promise<void> {
    await this.apply([]);
  }

  async #listen(port: number, check: Check): Promise<void> {
    const server = createServer({ headersTimeout: 5000, requestTimeout: 5000 }, (request, response) => {
      const { namespace, name, localEndpoints } = this.#open.get(port)?.check ?? check;
      const body = JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy: true });
      const headers = {
        'content-type': 'application/json',
        'x-content-type-options': 'nosniff',
        'x-load-balancing-endpoint-weight': String(localEndpoints),
      };
      response.writeHead(localEndpoints > 0 ? 200 : 503, headers).end(request.method === 'HEAD' ? undefined : body);
    });
    server.maxConnections = 100;
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ port, exclusive: true }, resolve);
      });
      server.on('error', () => undefined);
      this.#open.set(port, { server, check });
    } catch (error) {
      const { namespace, name } = check;
      this.#log.warn(
        { port, service: `${namespace}/${name}`, error: errorMessage(error) },
        'the health-check port of a service cannot be taken: load balancers outside will leave this node out',
      );
    }
  }
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
