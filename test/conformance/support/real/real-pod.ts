/** A pod of a test on a real node: waits for what its status says, and fails with what it said last. */
import { until } from '../../../support/until.ts';
import type { RealNode } from './real-node.ts';

// oxlint-disable-next-line no-explicit-any
export type Shown = any;

export class RealPod {
  readonly name: string;
  readonly manifest: Shown;
  readonly #node: RealNode;

  constructor(node: RealNode, name: string, manifest: Shown) {
    this.#node = node;
    this.name = name;
    this.manifest = manifest;
  }

  get path(): string {
    return `/api/v1/namespaces/default/pods/${this.name}`;
  }

  /** As it was last seen by the watch. Throws before that. */
  get now(): Shown {
    const seen = this.changes.at(-1);
    if (seen === undefined) throw new Error(`the pod ${this.name} has not been seen`);
    return seen.object;
  }

  /** Every event of the watch, oldest first. */
  get changes(): readonly { readonly type: string; readonly object: Shown }[] {
    return this.#node.changesOf(this.name);
  }

  create(): Promise<Shown> {
    return this.#node.api.ask('POST', '/api/v1/namespaces/default/pods', this.manifest);
  }

  /** The pod once `fits` says yes. */
  async until(what: string, fits: (pod: Shown) => unknown, timeoutMs = 20_000): Promise<Shown> {
    try {
      return await until(() => (fits(this.now) ? this.now : undefined), { what, timeoutMs, intervalMs: 10 });
    } catch (error) {
      const events = await this.events().catch(() => []);
      const status = JSON.stringify(this.changes.at(-1)?.object.status, undefined, 1);
      throw new Error(`${this.name}: ${(error as Error).message}; status: ${status}\n${events.join('\n')}`, {
        cause: error,
      });
    }
  }

  /** Fails at once when the pod is over with another phase. */
  async untilPhase(phase: string): Promise<Shown> {
    const wanted = ['Succeeded', 'Failed', phase];
    const pod = await this.until(`the phase ${phase}`, ({ status }) => wanted.includes(status.phase));
    if (pod.status.phase !== phase) throw new Error(`${this.name} is not ${phase}: ${JSON.stringify(pod.status)}`);
    return pod;
  }

  ready(): Promise<Shown> {
    return this.until('to be ready', ({ status }) => status.conditions?.some(isReady));
  }

  /** Waits for a status of a container that fits. */
  async container(what: string, fits: (status: Shown) => unknown, name = 'c'): Promise<Shown> {
    const find = (pod: Shown): Shown => {
      const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = pod.status;
      const all: Shown[] = [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses];
      return all.find((status) => status.name === name);
    };
    return find(await this.until(`container ${name}: ${what}`, (pod) => find(pod) && fits(find(pod))));
  }

  /** What a container printed until the pod was over, which must have gone well. */
  async output(container = 'c'): Promise<string> {
    await this.untilPhase('Succeeded').catch(async (error: unknown) => {
      const text = await this.logs(container).catch(String);
      throw new Error(`${(error as Error).message}\n${text}`, { cause: error });
    });
    return this.logs(container);
  }

  /** Lines of `name=value` among `output`. */
  async values(container = 'c'): Promise<Record<string, string>> {
    const lines = (await this.output(container)).trimEnd().split('\n');
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  }

  logs(container = 'c', query = ''): Promise<string> {
    return this.#node.text(`${this.path}/log?container=${container}${query}`);
  }

  /** Waits for a log that fits. */
  async untilLogs(fits: RegExp, container = 'c'): Promise<string> {
    let seen = '';
    return until(async () => ((seen = await this.logs(container)).match(fits) ? seen : undefined), {
      what: () => `${fits.source} in the log of ${this.name}:\n${seen}\n${JSON.stringify(this.now.status)}`,
    });
  }

  /** Runs a script in a container; answers what it printed. */
  async exec(script: string, container = 'c'): Promise<string> {
    const args = ['exec', this.name, '-c', container, '--', 'sh', '-c', script];
    const { status, stdout, stderr } = await this.#node.cluster.kubectl(args);
    if (status !== 0) {
      throw new Error(`exec in ${this.name} ended with ${status}: ${stderr}; ${JSON.stringify(this.now.status)}`);
    }
    return stdout;
  }

  /** `reason: message` of its events. */
  async events(): Promise<string[]> {
    const query = `fieldSelector=involvedObject.name%3D${this.name}`;
    const { items } = await this.#node.api.ask('GET', `/api/v1/namespaces/default/events?${query}`);
    return items.map(({ reason, message }: Shown) => `${reason}: ${message}`);
  }

  /** Waits for an event that fits, given as `events` shows it: a node writes its events after the status that they explain. */
  async told(wanted: RegExp | string): Promise<void> {
    const fits = (event: string): boolean => (typeof wanted === 'string' ? event === wanted : wanted.test(event));
    let seen: readonly string[] = [];
    await until(async () => (seen = await this.events()).some(fits), {
      what: () => `the event ${wanted} of ${this.name}; it has\n${seen.join('\n')}`,
    });
  }

  async patch(body: object, subresource = ''): Promise<Shown> {
    return this.#node.patch(`${this.path}${subresource}`, body);
  }

  delete(graceSeconds?: number): Promise<Shown> {
    return this.#node.api.ask(
      'DELETE',
      `${this.path}${graceSeconds === undefined ? '' : `?gracePeriodSeconds=${graceSeconds}`}`,
    );
  }

  gone(): Promise<unknown> {
    return until(() => this.changes.at(-1)?.type === 'DELETED', {
      what: () => `${this.name} to be gone: ${JSON.stringify(this.now.status)}`,
    });
  }
}

const isReady = ({ type, status }: Shown): boolean => type === 'Ready' && status === 'True';
