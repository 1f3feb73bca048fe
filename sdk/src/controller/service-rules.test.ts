import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { createSimulatedEnv, type SimulatedEnv } from '@timonel/core';
import type { ApiClient, WatchEvent } from '../contracts/api/index.ts';
import { serviceProxy, type ServicePortRule } from '../contracts/proxy/index.ts';
import { ApiError, services, type ResourceType, type Service } from '../kube/index.ts';
import type { ControllerHost } from './host.ts';
import { partlyServed, ServiceRuleSync } from './service-rules.ts';

/** Services in memory; there are no slices. */
class FakeApi {
  readonly objects: Service[] = [];
  isAway = false;
  #version = 1;
  readonly #watchers = new Set<(event: WatchEvent<Service>) => void>();

  put(name: string): void {
    const metadata = { namespace: 'default', name, uid: name, resourceVersion: String(++this.#version) };
    const object = { metadata, spec: { clusterIP: '10.96.0.1', ports: [{ port: 80 }] } } as Service;
    this.objects.push(object);
    for (const tell of this.#watchers) tell({ type: 'ADDED', object });
  }

  client(): ApiClient {
    const isServices = (type: ResourceType): boolean => type.resource === services.resource;
    const client = {
      list: async (type: ResourceType) => {
        if (this.isAway) throw new ApiError('ServiceUnavailable', 'the API is away');
        return {
          metadata: { resourceVersion: String(this.#version) },
          items: isServices(type) ? [...this.objects] : [],
        };
      },
      watch: (type: ResourceType, { signal }: { signal: AbortSignal }) => this.#watch(isServices(type), signal),
    };
    return client as unknown as ApiClient;
  }

  async *#watch(live: boolean, signal: AbortSignal): AsyncIterable<WatchEvent<Service>> {
    const events: WatchEvent<Service>[] = [];
    let wake = (): void => undefined;
    const tell = (event: WatchEvent<Service>): void => {
      events.push(event);
      wake();
    };
    if (live) this.#watchers.add(tell);
    signal.addEventListener('abort', () => wake());
    while (!signal.aborted) {
      const event = events.shift();
      if (event !== undefined) yield event;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
    this.#watchers.delete(tell);
  }
}

interface Call {
  readonly atMs: number;
  readonly ids: readonly string[];
  finish(error?: Error): void;
}

/** A data plane whose hand-overs end when the test says so, or at once. */
class Bench {
  readonly env: SimulatedEnv = createSimulatedEnv({ seed: 3 });
  readonly api: FakeApi = new FakeApi();
  readonly calls: Call[] = [];
  readonly warnings: string[] = [];
  readonly abort: AbortController = new AbortController();
  readonly sync: ServiceRuleSync;
  /** How hand-overs end by themselves; undefined: they wait for `finish`. */
  outcome: 'works' | 'fails' | undefined = 'works';
  atOnce = 0;
  mostAtOnce = 0;

  constructor(minIntervalMs = 50, memoryFile?: string, dataDir?: string) {
    const log = { debug() {}, info() {}, error() {}, warn: (_: object, text: string) => this.warnings.push(text) };
    const host = {
      name: 'test',
      env: this.env,
      log: { ...log, child: () => log },
      signal: this.abort.signal,
      reportFault: (error: unknown) => {
        throw error;
      },
    } as unknown as ControllerHost;
    this.sync = new ServiceRuleSync(host, this.api.client(), {
      implementation: 'fake',
      minIntervalMs,
      ...(memoryFile === undefined ? {} : { memoryFile }),
      ...(dataDir === undefined ? {} : { dataDir }),
      apply: (rules) => this.#apply(rules),
    });
  }

  #apply(rules: readonly ServicePortRule[]): Promise<void> {
    this.atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.atOnce);
    return new Promise((resolve, reject) => {
      const finish = (error?: Error): void => {
        this.atOnce -= 1;
        if (error === undefined) resolve();
        else reject(error);
      };
      this.calls.push({ atMs: this.env.clock.monotonic(), ids: rules.map(({ id }) => id), finish });
      if (this.outcome === 'works') finish();
      if (this.outcome === 'fails') finish(new Error('refused by the data plane'));
    });
  }

  get times(): number[] {
    return this.calls.map(({ atMs }) => atMs);
  }

  async start(): Promise<void> {
    const started = this.sync.start();
    await this.env.settle();
    await started;
  }
}

describe('ServiceRuleSync', () => {
  let bench: Bench;
  afterEach(async () => {
    for (const call of bench.calls) call.finish();
    await bench.sync.stop();
    expect(bench.mostAtOnce).toBeLessThanOrEqual(1);
    expect(bench.env.pendingTimers).toBe(0);
  });

  it('hands everything over at the start, then does nothing while nothing changes', async () => {
    bench = new Bench();
    bench.api.put('b');
    bench.api.put('a');
    await bench.start();
    expect(bench.calls.map(({ ids }) => ids)).toEqual([['default/a:80', 'default/b:80']]);
    await bench.env.advance(600_000);
    expect(bench.calls).toHaveLength(1);
    const lastSyncAt = bench.env.clock.now() - 600_000;
    expect(bench.sync.status()).toEqual({
      implementation: 'fake',
      rules: 2,
      backends: 0,
      lastSyncAt,
      lastError: undefined,
      versions: { services: '3', endpointslices: '3' },
    });
  });

  it('joins changes that come in one interval, and is prompt after a quiet time', async () => {
    bench = new Bench(50);
    await bench.start();
    for (let i = 0; i < 100; i++) {
      bench.api.put(`service-${i}`);
      await bench.env.advance(1);
    }
    await bench.env.advance(100);
    expect(bench.times).toEqual([0, 50, 100, 150].slice(0, bench.calls.length));
    expect(bench.calls.length).toBeLessThanOrEqual(4);
    expect(bench.calls.at(-1)?.ids).toHaveLength(100);
    const before = bench.calls.length;
    await bench.env.advance(1000);
    const nowMs = bench.env.clock.monotonic();
    bench.api.put('late');
    await bench.env.settle();
    expect(bench.calls).toHaveLength(before + 1);
    expect(bench.calls.at(-1)?.atMs).toBe(nowMs);
  });

  it('hands over one at a time: changes during a slow one wait for its end', async () => {
    bench = new Bench();
    await bench.start();
    await bench.env.advance(100);
    bench.outcome = undefined;
    bench.api.put('a');
    await bench.env.settle();
    expect(bench.calls).toHaveLength(2);
    bench.api.put('b');
    await bench.env.advance(5000);
    expect(bench.calls).toHaveLength(2);
    bench.outcome = 'works';
    bench.calls[1]?.finish();
    await bench.env.advance(100);
    expect(bench.calls.map(({ ids }) => ids.length)).toEqual([0, 1, 2]);
  });

  it('tries again with back-off after failures, and is quick again after a success', async () => {
    bench = new Bench(50);
    bench.outcome = 'fails';
    await bench.start();
    await bench.env.advance(40_000);
    expect(bench.times.slice(0, 10)).toEqual([0, 100, 300, 700, 1500, 3100, 6300, 12_700, 22_700, 32_700]);
    expect(bench.warnings).toEqual([expect.stringContaining('could not be written; those of before stay')]);
    expect(bench.sync.status()).toMatchObject({ lastError: 'refused by the data plane', lastSyncAt: 0 });
    // It has seen the service, but nothing is in force.
    expect(bench.sync.status().versions).toEqual({});
    bench.outcome = 'works';
    await bench.env.advance(10_000);
    expect(bench.sync.status()).toMatchObject({ lastError: undefined, versions: { services: '1' } });
    const { length } = bench.calls;
    bench.api.put('a');
    await bench.env.settle();
    expect(bench.calls).toHaveLength(length + 1);
  });

  it('resync hands over again although nothing changed', async () => {
    bench = new Bench();
    await bench.start();
    await bench.env.advance(1000);
    const resync = bench.sync.resync();
    await bench.env.settle();
    await resync;
    expect(bench.times).toEqual([0, 1000]);
  });

  it('resync does not wait for a back-off, and rejects with the reason when it fails', async () => {
    bench = new Bench();
    bench.outcome = 'fails';
    await bench.start();
    await bench.env.advance(20_000);
    const { length } = bench.calls;
    await expect(bench.sync.resync()).rejects.toThrow('refused by the data plane');
    expect(bench.calls).toHaveLength(length + 1);
    expect(bench.calls.at(-1)?.atMs).toBe(20_000);
  });

  it('resync during a hand-over means one after it', async () => {
    bench = new Bench();
    await bench.start();
    await bench.env.advance(1000);
    bench.outcome = undefined;
    bench.api.put('a');
    await bench.env.settle();
    const resync = bench.sync.resync();
    bench.outcome = 'works';
    bench.calls[1]?.finish();
    await bench.env.advance(100);
    await resync;
    expect(bench.calls).toHaveLength(3);
  });

  it('stop waits for the running hand-over, and what waits for one is told', async () => {
    bench = new Bench();
    await bench.start();
    await bench.env.advance(1000);
    bench.outcome = undefined;
    bench.api.put('a');
    await bench.env.settle();
    const resync = bench.sync.resync();
    let stopped = false;
    const stopping = bench.sync.stop().finally(() => {
      stopped = true;
    });
    await bench.env.settle();
    expect(stopped).toBe(false);
    bench.calls[1]?.finish();
    await expect(resync).rejects.toThrow('stopped');
    await stopping;
    await expect(bench.sync.resync()).rejects.toThrow('stopped');
    bench.api.put('b');
    await bench.env.advance(1000);
    expect(bench.calls).toHaveLength(2);
  });

  it('ends with the signal of its plugin, also before the first list', async () => {
    bench = new Bench();
    const started = bench.sync.start();
    bench.abort.abort();
    await expect(started).rejects.toBeDefined();
    expect(bench.calls).toHaveLength(0);
  });
});

/** Lets simulated time pass until something real (a file) has happened. */
async function passUntil(bench: Bench, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition() && Date.now() < deadline) {
    await bench.env.advance(10);
    await new Promise((resolve) => {
      setTimeout(resolve, 1);
    });
  }
  expect(condition()).toBe(true);
}

describe('ServiceRuleSync while the API is away', () => {
  const directory = mkdtempSync(join(tmpdir(), 'timonel-rules-'));
  const file = join(directory, 'rules.json');
  let bench: Bench;
  afterEach(() => bench.sync.stop());
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('remembers the rules, some time after they changed', async () => {
    bench = new Bench(50, file);
    bench.api.put('a');
    await bench.start();
    bench.api.put('b');
    const written = (): string => {
      try {
        return readFileSync(file, 'utf8');
      } catch {
        return '';
      }
    };
    await passUntil(bench, () => written().includes('default/b:80'));
    expect(written()).toContain('default/a:80');
  });

  it('starts with the remembered rules, and with those of the API once it answers', async () => {
    bench = new Bench(50, file);
    bench.api.isAway = true;
    let started = false;
    void bench.sync.start().then(() => (started = true));
    await bench.env.advance(2900);
    expect([started, bench.calls.length]).toEqual([false, 0]);
    await passUntil(bench, () => started);
    expect(bench.calls.map(({ ids }) => ids)).toEqual([['default/a:80', 'default/b:80']]);
    expect(bench.sync.status()).toMatchObject({ rules: 2, lastSyncAt: 0 });
    await expect(bench.sync.resync()).rejects.toThrow('the API has not answered yet');
    await bench.env.advance(60_000);
    expect(bench.calls).toHaveLength(1);
    bench.api.put('c');
    bench.api.isAway = false;
    await passUntil(bench, () => bench.calls.length === 2);
    expect(bench.calls[1]?.ids).toEqual(['default/c:80']);
    expect(bench.sync.status().lastSyncAt).toBeGreaterThan(0);
  });

  it.each([
    ['nothing is remembered', join(directory, 'absent.json'), undefined, 'stay as they are'],
    ['what is remembered is damaged', join(directory, 'damaged.json'), '{"version":1,"rules":[{}]}', 'cannot be used'],
  ])('leaves the data plane as it is when %s', async (_what, path, text, warning) => {
    if (text !== undefined) writeFileSync(path, text);
    bench = new Bench(50, path);
    bench.api.isAway = true;
    let started = false;
    void bench.sync.start().then(() => (started = true));
    await passUntil(bench, () => started);
    expect(bench.calls).toEqual([]);
    expect(bench.warnings.join()).toContain(warning);
  });
});

describe('what another service proxy left', () => {
  const directory = mkdtempSync(join(tmpdir(), 'timonel-rules-'));
  const left = join(directory, 'other', 'kernel-traces.json');
  let bench: Bench;
  const leave = (links: readonly string[] = []): void => {
    mkdirSync(join(directory, 'other'), { recursive: true });
    writeFileSync(left, JSON.stringify({ owner: 'before', service: serviceProxy.id, tables: [], links }));
    bench = new Bench(50, undefined, join(directory, 'own'));
  };
  afterEach(() => bench.sync.stop());
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('goes although some addresses cannot be served, but not while none is', async () => {
    leave();
    bench.outcome = undefined;
    void bench.sync.start();
    await bench.env.settle();
    bench.calls[0]?.finish(new Error('no address can be served'));
    await passUntil(bench, () => bench.calls.length === 2);
    expect(existsSync(left)).toBe(true);
    bench.calls[1]?.finish(Object.assign(new Error('1 address cannot be served'), { code: partlyServed }));
    await passUntil(bench, () => bench.calls.length === 3);
    expect([existsSync(left), bench.sync.status().lastError]).toEqual([false, '1 address cannot be served']);
    bench.calls[2]?.finish();
  });

  it('is tried again when it could not be removed', async () => {
    leave(['tz00000000']);
    // No program can be run with so much.
    process.env['TIMONEL_TEST'] = 'x'.repeat(200_000);
    try {
      void bench.sync.start();
      await passUntil(bench, () => bench.warnings.length > 0);
    } finally {
      delete process.env['TIMONEL_TEST'];
    }
    expect([existsSync(left), bench.warnings.length, bench.sync.status().lastError]).toEqual([true, 1, undefined]);
    await passUntil(bench, () => !existsSync(left));
  });
});
