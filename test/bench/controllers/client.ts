/** A client of the server that is measured: it writes over many connections and follows what comes of it by watches. */
import type { KubeObject } from '@timonel/sdk/kube';
import { withCleanup } from '../cleanup.ts';
import { Connections, getJson, openLines } from '../scheduler/connections.ts';
import type { ServedAt } from '../api/server.ts';

const connectionCount = 48;

export interface Event<T extends KubeObject = KubeObject> {
  readonly type: string;
  readonly object: T;
}

/** Collections of what the benchmark makes and watches. */
export const paths = {
  pods: (namespace: string): string => `/api/v1/namespaces/${namespace}/pods`,
  deployments: (namespace: string): string => `/apis/apps/v1/namespaces/${namespace}/deployments`,
  namespaces: '/api/v1/namespaces',
  leases: '/apis/coordination.k8s.io/v1/leases',
} as const;

export class Client {
  readonly #server: ServedAt;
  readonly #connections: Connections;

  private constructor(server: ServedAt, connections: Connections) {
    this.#server = server;
    this.#connections = connections;
  }

  static async use<T>(server: ServedAt, work: (client: Client) => Promise<T>): Promise<T> {
    const connections = await Connections.open(server, connectionCount);
    return withCleanup(
      () => connections.close(),
      () => work(new Client(server, connections)),
    );
  }

  create(path: string, object: KubeObject): Promise<void> {
    return this.#connections.ask({ method: 'POST', path, body: JSON.stringify(object) });
  }

  /** As many at a time as there are connections. */
  async createAll(path: string, objects: readonly KubeObject[]): Promise<void> {
    await Promise.all(objects.map((object) => this.create(path, object)));
  }

  patch(path: string, body: unknown): Promise<void> {
    const contentType = 'application/strategic-merge-patch+json';
    return this.#connections.ask({ method: 'PATCH', path, contentType, body: JSON.stringify(body) });
  }

  remove(path: string): Promise<void> {
    return this.#connections.ask({ method: 'DELETE', path, body: '{}' });
  }

  get(path: string): Promise<unknown> {
    return getJson(this.#server, path);
  }

  /** The store's revision: every write moves it on. */
  async revision(): Promise<number> {
    const { metadata } = (await this.get(`${paths.namespaces}?limit=1`)) as { metadata: { resourceVersion: string } };
    return Number(metadata.resourceVersion);
  }

  /** Follows a collection while `work` runs; `onEvent` comes for what is there, too. A failure of the watch rejects. */
  async watching<T extends KubeObject, R>(
    path: string,
    onEvent: (event: Event<T>) => void,
    work: () => Promise<R>,
  ): Promise<R> {
    let fail: (error: Error) => void = () => undefined;
    const failed = new Promise<never>((_, reject) => (fail = reject));
    failed.catch(() => undefined);
    const query = path.includes('?') ? '&watch=1' : '?watch=1';
    const onLine = (line: string): void => {
      const event = JSON.parse(line) as Event<T>;
      if (event.type === 'ERROR') fail(new Error(`the watch of ${path} says ${line}`));
      else if (event.type !== 'BOOKMARK') onEvent(event);
    };
    const { close } = await openLines(this.#server, `${path}${query}`, onLine, fail);
    try {
      return await Promise.race([work(), failed]);
    } finally {
      close();
    }
  }
}

/** Resolves when `check` holds; `look` is called whenever it may have come to hold. */
export class Goal {
  readonly reached: Promise<void>;
  readonly #check: () => boolean;
  #resolve: () => void = () => undefined;

  constructor(check: () => boolean, limitMs: number, what: () => string) {
    this.#check = check;
    this.reached = new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${what()} after ${limitMs / 1000} s`)), limitMs);
      this.#resolve = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.reached.catch(() => undefined);
  }

  look(): void {
    if (this.#check()) this.#resolve();
  }
}
