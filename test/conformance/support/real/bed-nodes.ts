/**
 * A master and two nodes on machines of their own, for the lines of the network: the built command, real containers. As with `realNode`,
 * objects are declared beside the tests that look at them, and all are made at once.
 */
import { afterAll, beforeAll } from '@jest/globals';
import { bedMissing, createBed, type Bed } from '../../../e2e/bed/bed.ts';
import { kubectl, startAgent, startMaster, type Master } from '../../../e2e/bed/cluster.ts';
import { newTraces, traces } from '../../../support/machine.ts';
import { until } from '../../../support/until.ts';
import { dialScript, type Dial } from './talkers.ts';
import type { Shown } from './real-pod.ts';

export const nodeNames = ['n1', 'n2'] as const;

export class BedNodes {
  readonly #objects: Shown[] = [];
  #bed: Bed | undefined;
  #master: Master | undefined;
  #before: readonly string[] = [];

  get bed(): Bed {
    if (this.#bed === undefined) throw new Error('the bed is not there yet');
    return this.#bed;
  }

  /** What is there before all tests. */
  object(kind: string, name: string, body: object, apiVersion = 'v1'): string {
    this.#objects.push(manifest(kind, name, body, apiVersion));
    return name;
  }

  /** kubectl, which must succeed; answers what it printed. */
  async kubectl(args: readonly string[], input = ''): Promise<string> {
    if (this.#master === undefined) throw new Error('the master is not there yet');
    const { status, stdout, stderr } = await kubectl(this.bed, this.#master, args, { input });
    if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  async create(kind: string, name: string, body: object, apiVersion = 'v1'): Promise<Shown> {
    const text = JSON.stringify(manifest(kind, name, body, apiVersion));
    return JSON.parse(await this.kubectl(['create', '-o', 'json', '-f', '-'], text));
  }

  async read(kind: string, name: string): Promise<Shown> {
    return JSON.parse(await this.kubectl(['get', kind, name, '-o', 'json']));
  }

  /** Answers the object as it is then. */
  async change(kind: string, name: string, body: object): Promise<Shown> {
    const args = ['patch', kind, name, '--type=merge', '-o', 'json', '-p', JSON.stringify(body)];
    return JSON.parse(await this.kubectl(args));
  }

  /** Who answers a pod, sorted, each once. */
  async fromPod(name: string, dial: Dial): Promise<string[]> {
    const args = ['exec', name, '--', 'node', '-e', dialScript, JSON.stringify(dial)];
    return JSON.parse(await this.kubectl(args));
  }

  /** Who answers a machine: `n1`, `n2`, or `client`, which is outside of the cluster. */
  async fromMachine(name: string, dial: Dial): Promise<string[]> {
    const args = ['-e', dialScript, JSON.stringify(dial)];
    return JSON.parse(await this.bed.machine(name).mustExec(process.execPath, args));
  }

  async start(): Promise<void> {
    if (bedMissing !== undefined) throw new Error(`the machines of the network's tests: ${bedMissing}`);
    this.#before = traces();
    this.#bed = await createBed({ masters: 1, nodes: nodeNames.length });
    const master = await startMaster(this.bed.machine('m1'));
    this.#master = master;
    await Promise.all(nodeNames.map((name) => startAgent(this.bed.machine(name), { masters: [master] })));
    const ready = `-o=jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}`;
    const all = nodeNames.map(() => 'True').join(' ');
    await until(async () => (await this.kubectl(['get', 'nodes', ready])) === all, {
      what: 'all nodes to be Ready',
      timeoutMs: 60_000,
    });
    const items = this.#objects;
    await this.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    await this.kubectl(['wait', '--for=condition=Ready', 'pods', '--all', '--timeout=60s']);
  }

  async stop(): Promise<void> {
    const directory = this.#bed?.directory;
    await this.#bed?.[Symbol.asyncDispose]();
    const left = newTraces(this.#before).filter((trace) => directory !== undefined && trace.includes(directory));
    if (left.length > 0) throw new Error(`these are left:\n${left.join('\n')}`);
  }
}

const manifest = (kind: string, name: string, body: object, apiVersion: string): Shown => {
  const { metadata = {}, ...rest } = body as { metadata?: object };
  return { apiVersion, kind, metadata: { name, ...metadata }, ...rest };
};

/** The machines of a test file. */
export function bedNodes(): BedNodes {
  const nodes = new BedNodes();
  beforeAll(() => nodes.start(), 180_000);
  afterAll(() => nodes.stop(), 60_000);
  return nodes;
}
