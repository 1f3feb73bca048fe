/** Pods of benchmarks: creates them, waits until they run or are gone, by a watch. */
import type { ClusterClient, ClusterWatch } from '../support/cluster-client.ts';

const podsPath = '/api/v1/namespaces/default/pods';
const waitLimitMs = 60_000;

/** The local image and a program of it. */
export const programs = {
  sleep: ['/usr/bin/sleep', '1000000'],
  true: ['/usr/bin/true'],
  node: ['/usr/bin/node', '-e', 'setInterval(() => {}, 60000)'],
} as const;

interface WatchedPod {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly phase?: string };
}

export class BenchPods {
  readonly #client: ClusterClient;
  readonly #watch: ClusterWatch;
  readonly #phases = new Map<string, string>();
  readonly #waiting = new Set<() => void>();

  private constructor(client: ClusterClient, resourceVersion: string) {
    this.#client = client;
    this.#watch = client.watch(`${podsPath}?watch=true&resourceVersion=${resourceVersion}`, ({ type, object }) => {
      const { metadata, status } = object as WatchedPod;
      if (type === 'DELETED') this.#phases.delete(metadata.name);
      else this.#phases.set(metadata.name, status?.phase ?? '');
      for (const check of this.#waiting) check();
    });
  }

  static async open(client: ClusterClient): Promise<BenchPods> {
    const { metadata } = (await client.ask('GET', podsPath)) as { metadata: { resourceVersion: string } };
    const pods = new BenchPods(client, metadata.resourceVersion);
    await pods.#watch.opened;
    return pods;
  }

  close(): void {
    this.#watch.stop();
  }

  /** Posts a pod. Resolves with the time from the POST until the watch shows it Running. */
  run(name: string, command: readonly string[]): Promise<number> {
    return this.#timed(name, command, 'Running', {});
  }

  /** The same for a pod that ends. */
  runToEnd(name: string, command: readonly string[]): Promise<number> {
    return this.#timed(name, command, 'Succeeded', { restartPolicy: 'Never' });
  }

  async #timed(name: string, command: readonly string[], phase: string, spec: object): Promise<number> {
    const container = { name: 'main', image: 'timonel.local/node:host', command };
    const began = performance.now();
    const posted = this.#client.ask('POST', podsPath, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: { terminationGracePeriodSeconds: 0, containers: [container], ...spec },
    });
    const [ms] = await Promise.all([
      this.#until(`pod ${name} to be ${phase}`, () => this.#phases.get(name) === phase).then((at) => at - began),
      posted,
    ]);
    return ms;
  }

  /** Deletes pods. Resolves when all are gone. */
  async remove(names: readonly string[]): Promise<void> {
    await Promise.all(names.map((name) => this.#client.ask('DELETE', `${podsPath}/${name}`)));
    await this.#until('pods to go', () => names.every((name) => !this.#phases.has(name)));
  }

  #until(what: string, condition: () => boolean): Promise<number> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        if (!condition()) return;
        finish();
        resolve(performance.now());
      };
      const timer = setTimeout(() => {
        finish();
        reject(new Error(`waited ${waitLimitMs / 1000} s for ${what}: ${JSON.stringify([...this.#phases])}`));
      }, waitLimitMs);
      const finish = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(check);
      };
      this.#waiting.add(check);
      check();
    });
  }
}
