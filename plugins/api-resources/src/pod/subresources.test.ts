import { describe, expect, it } from '@jest/globals';
import { ApiError, type KubeObject, type Pod, type ResourceType } from '@timonel/sdk/kube';
import type { DeleteOptions, ObjectName } from '@timonel/sdk/contracts/api';
import type { SubresourceAccess, SubresourceRequest, SubresourceResponse } from '@timonel/sdk/contracts/api-server';
import type { LogOptions, NodeEndpoint, NodeResolver } from '@timonel/sdk/contracts/node';
import { manualEnv, refusingNode, type SimulatedEnv } from '@timonel/testkit';
import { podSubresources } from './subresources.ts';

function podWith(spec: object = {}, metadata: object = {}): Pod {
  const containers = [{ name: 'web', image: 'a:1' }];
  return {
    metadata: { name: 'a', namespace: 'default', uid: 'u1', ...metadata },
    spec: { containers, ...spec },
    status: {},
  };
}

class OnePod implements SubresourceAccess<Pod> {
  readonly deletions: (DeleteOptions | undefined)[] = [];
  nodes: readonly KubeObject[] = [];
  pod: Pod;
  constructor(pod: Pod) {
    this.pod = pod;
  }
  get(): Promise<Pod> {
    return Promise.resolve(this.pod);
  }
  update(change: (pod: Pod) => void): Promise<Pod> {
    const copy = structuredClone(this.pod);
    change(copy);
    this.pod = copy;
    return Promise.resolve(copy);
  }
  delete(options?: DeleteOptions): Promise<Pod> {
    this.deletions.push(options);
    return Promise.resolve(this.pod);
  }
  find<O extends KubeObject>(type: ResourceType<O>, { name }: ObjectName): Promise<O | undefined> {
    const found = this.nodes.find(({ metadata }) => metadata.name === name && type.resource === 'nodes');
    return Promise.resolve(found as O | undefined);
  }
  list(): Promise<readonly never[]> {
    return Promise.resolve([]);
  }
  updateOther(): Promise<never> {
    return Promise.reject(new Error('nothing else is changed'));
  }
}

interface Setup {
  readonly nodes?: NodeEndpoint[];
  readonly resolvers?: NodeResolver[];
  readonly env?: SimulatedEnv;
}

async function call(
  name: string,
  access: OnePod,
  request: { body?: unknown; query?: string },
  { nodes = [], resolvers = [], env = manualEnv() }: Setup = {},
): Promise<SubresourceResponse> {
  const handlers = podSubresources({
    nodes: () => nodes.map((service) => ({ plugin: 'node', service })),
    resolvers: () => resolvers.map((service) => ({ plugin: 'remote', service })),
    tokens: () => undefined,
    env,
  });
  const full: SubresourceRequest = {
    method: name === 'log' ? 'GET' : 'POST',
    name: 'a',
    namespace: 'default',
    query: new URLSearchParams(request.query ?? ''),
    body: request.body,
    user: { name: 'tester', uid: '', groups: [], extra: {} } as never,
    signal: new AbortController().signal,
  };
  const handler = handlers[name];
  if (handler === undefined) throw new Error(`no subresource ${name}`);
  return await handler.handle(full, access);
}

/** Code and message of the refusal. */
async function refusal(promise: Promise<unknown>): Promise<[number, string]> {
  try {
    await promise;
  } catch (error) {
    const refused = error as ApiError;
    expect(refused.name).toBe('ApiError');
    return [refused.code, refused.message];
  }
  throw new Error('was not refused');
}

describe('pods/binding', () => {
  const body = (metadata: object = {}, target: object = { kind: 'Node', name: 'n1' }): object => ({
    metadata: { name: 'a', ...metadata },
    target,
  });

  it('gives the pod its node and says that it is scheduled', async () => {
    const env = manualEnv();
    const access = new OnePod(podWith());
    const answer = await call('binding', access, { body: body({ uid: 'u1', annotations: { by: 'test' } }) }, { env });
    expect(answer).toMatchObject({ kind: 'object', status: 201, object: { kind: 'Status', status: 'Success' } });
    expect(access.pod).toMatchObject({
      metadata: { annotations: { by: 'test' } },
      spec: { nodeName: 'n1' },
      status: { conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime: env.clock.timestamp() }] },
    });
  });

  it('gives the pod the zone and the region of its node, instead of what it or the binding says', async () => {
    const region = 'topology.kubernetes.io/region';
    const zone = 'topology.kubernetes.io/zone';
    const access = new OnePod(podWith({}, { labels: { app: 'web', [zone]: 'wrong' } }));
    const labels = { [region]: 'r', [zone]: 'z', 'kubernetes.io/hostname': 'n1' };
    access.nodes = [{ metadata: { name: 'n0', labels: { [zone]: 'other' } } }, { metadata: { name: 'n1', labels } }];
    await call('binding', access, { body: body({ labels: { by: 'test', [region]: 'wrong' } }) });
    expect(access.pod.metadata.labels).toEqual({ app: 'web', by: 'test', [region]: 'r', [zone]: 'z' });
  });

  it.each<[string, Pod, object, number, string]>([
    ['bound already', podWith({ nodeName: 'n0' }), body(), 409, 'pod a is already assigned to node "n0"'],
    [
      'another pod of that name',
      podWith(),
      body({ uid: 'u2' }),
      409,
      'UID in precondition: u2, UID in object meta: u1',
    ],
    [
      'being deleted',
      podWith({}, { deletionTimestamp: '2026-01-01T00:00:00Z' }),
      body(),
      409,
      'is being deleted, cannot be assigned to a host',
    ],
    ['gated', podWith({ schedulingGates: [{ name: 'g' }] }), body(), 409, 'has non-empty .spec.schedulingGates'],
    ['no node', podWith(), body({}, {}), 422, 'target.name: Required value'],
    ['bad node', podWith(), body({}, { name: 'N!' }), 422, 'target.name: Invalid value: "N!"'],
    ['not a node', podWith(), body({}, { kind: 'Pod', name: 'n' }), 422, 'target.kind: Unsupported value: "Pod"'],
    ['another name', podWith(), body({ name: 'b' }), 400, 'does not match name in Binding object (b)'],
    ['no body', podWith(), undefined as never, 422, 'target.name: Required value'],
  ])('refuses: %s', async (_name, pod, given, code, text) => {
    const access = new OnePod(pod);
    const [status, message] = await refusal(call('binding', access, { body: given }));
    expect([status, message]).toEqual([code, expect.stringContaining(text)]);
    expect(access.pod).toBe(pod);
  });
});

describe('pods/eviction', () => {
  it('deletes with the options given', async () => {
    const access = new OnePod(podWith());
    const deleteOptions = { gracePeriodSeconds: 3, preconditions: { uid: 'u1' } };
    const answer = await call('eviction', access, { body: { metadata: { name: 'a' }, deleteOptions } });
    expect(answer).toMatchObject({ status: 201 });
    expect(access.deletions).toEqual([deleteOptions]);
  });

  it('deletes nothing in a dry run, nor under another name', async () => {
    const access = new OnePod(podWith());
    await call('eviction', access, { body: {}, query: 'dryRun=All' });
    // As kubectl drain has it.
    await call('eviction', access, { body: { deleteOptions: { dryRun: ['All'] } } });
    const odd = { deleteOptions: { dryRun: ['Some'] } };
    expect(await refusal(call('eviction', access, { body: odd }))).toEqual([400, expect.stringContaining('dryRun')]);
    expect(await refusal(call('eviction', access, { body: { metadata: { name: 'b' } } }))).toEqual([
      400,
      'name in URL does not match name in Eviction object: a != b',
    ]);
    expect(access.deletions).toEqual([]);
  });
});

class LoggingNode implements NodeEndpoint {
  readonly exec: NodeEndpoint['exec'] = refusingNode.exec;
  readonly attach: NodeEndpoint['attach'] = refusingNode.attach;
  readonly portForward: NodeEndpoint['portForward'] = refusingNode.portForward;
  readonly usage: NodeEndpoint['usage'] = refusingNode.usage;
  asked: LogOptions | undefined;
  readonly #name: string;
  readonly #lines: AsyncIterable<Uint8Array>;
  constructor(name: string, lines: () => AsyncGenerator<Uint8Array>) {
    this.#name = name;
    this.#lines = { [Symbol.asyncIterator]: () => lines() };
  }
  nodeName(): string {
    return this.#name;
  }
  logs(_pod: object, options: LogOptions): AsyncIterable<Uint8Array> {
    this.asked = options;
    return this.#lines;
  }
}

async function textOfStream(answer: SubresourceResponse): Promise<string> {
  if (answer.kind !== 'stream') throw new Error('no stream');
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe('pods/log', () => {
  async function* twoLines(): AsyncGenerator<Uint8Array> {
    await Promise.resolve();
    yield Buffer.from('one\n');
    yield Buffer.from('two\n');
  }
  const bound = (spec: object = {}): OnePod => new OnePod(podWith({ nodeName: 'n1', ...spec }));
  const several = { containers: [{ name: 'web' }, { name: 'log' }] };

  it('streams from the node of the pod', async () => {
    const node = new LoggingNode('n1', twoLines);
    const other = new LoggingNode('n2', twoLines);
    const query = 'follow=true&tailLines=5&limitBytes=100&sinceSeconds=60&timestamps=1&previous=false';
    const answer = await call('log', bound(), { query }, { nodes: [other, node] });
    expect(await textOfStream(answer)).toBe('one\ntwo\n');
    expect(answer).toMatchObject({ contentType: 'text/plain' });
    expect(node.asked).toMatchObject({
      container: 'web',
      follow: true,
      previous: false,
      tailLines: 5,
      limitBytes: 100,
      sinceSeconds: 60,
      timestamps: true,
    });
    expect(other.asked).toBeUndefined();
  });

  it('asks for one of the streams, or both', async () => {
    const node = new LoggingNode('n1', twoLines);
    const asked: unknown[] = [];
    for (const query of ['', 'stream=All', 'stream=Stderr']) {
      await textOfStream(await call('log', bound(), { query }, { nodes: [node] }));
      asked.push(node.asked?.stream);
    }
    expect(asked).toEqual([undefined, undefined, 'Stderr']);
  });

  it('asks who finds remote nodes for one that is not in this process', async () => {
    const far = new LoggingNode('n1', async function* logs() {
      await Promise.resolve();
      yield Buffer.from('far\n');
    });
    const none: NodeResolver = { resolve: async () => undefined };
    const finds: NodeResolver = { resolve: async (name) => (name === 'n1' ? far : undefined) };
    const near = new LoggingNode('n2', async function* logs() {
      yield* [];
    });
    const answer = await call('log', bound(), {}, { nodes: [near], resolvers: [none, finds] });
    expect(answer.kind).toBe('stream');
    expect(far.asked).toMatchObject({ container: 'web' });
    const away: NodeResolver = {
      resolve: () => Promise.reject(new ApiError('ServiceUnavailable', 'node "n1" cannot be called')),
    };
    expect(await refusal(call('log', bound(), {}, { resolvers: [away] }))).toEqual([503, 'node "n1" cannot be called']);
  });

  it('makes a refusal of the node the answer', async () => {
    // oxlint-disable-next-line require-yield
    const node = new LoggingNode('n1', async function* refuses() {
      await Promise.resolve();
      throw new ApiError('BadRequest', 'container "web" in pod "a" is waiting to start: ContainerCreating');
    });
    const [code, message] = await refusal(call('log', bound(), {}, { nodes: [node] }));
    expect([code, message]).toEqual([400, 'container "web" in pod "a" is waiting to start: ContainerCreating']);
  });

  it('begins to answer before a silent container has written anything', async () => {
    const env = manualEnv();
    const silent: NodeEndpoint = {
      ...refusingNode,
      nodeName: () => 'n1',
      logs: () => ({
        [Symbol.asyncIterator]: () => ({ next: () => new Promise<IteratorResult<Uint8Array>>(() => undefined) }),
      }),
    };
    const pending = call('log', bound(), { query: 'follow=true' }, { nodes: [silent], env });
    await env.advance(1000);
    const answer = await pending;
    if (answer.kind !== 'stream') throw new Error('no stream');
    // The reader learns that it has begun.
    const begun = await answer.stream[Symbol.asyncIterator]().next();
    expect(begun).toEqual({ done: false, value: new Uint8Array() });
  });

  it('leaves the node when the reader goes', async () => {
    let left = false;
    const node = new LoggingNode('n1', async function* endless() {
      try {
        for (;;) {
          await Promise.resolve();
          yield Buffer.from('line\n');
        }
      } finally {
        left = true;
      }
    });
    const answer = await call('log', bound(), {}, { nodes: [node] });
    if (answer.kind !== 'stream') throw new Error('no stream');
    for await (const chunk of answer.stream) {
      expect(Buffer.from(chunk).toString()).toBe('line\n');
      break;
    }
    expect(left).toBe(true);
  });

  it.each<[string, OnePod, string, number, string]>([
    [
      'several containers',
      bound(several),
      '',
      400,
      'a container name must be specified for pod a, choose one of: [web log]',
    ],
    [
      'with init containers',
      bound({ ...several, initContainers: [{ name: 'i' }] }),
      '',
      400,
      'a container name must be specified for pod a, choose one of: [web log] or one of the init containers: [i]',
    ],
    ['unknown container', bound(), 'container=x', 400, 'container x is not valid for pod a'],
    ['not bound', new OnePod(podWith()), '', 400, 'pod a does not have a host assigned'],
    ['node away', bound(), '', 503, 'no connection to node "n1", on which pod a runs'],
    [
      'negative lines',
      bound(),
      'tailLines=-1',
      422,
      'tailLines: Invalid value: "-1": must be greater than or equal to 0',
    ],
    ['an unknown stream', bound(), 'stream=Both', 422, 'supported values: "All", "Stdout", "Stderr"'],
    ['the end of one stream', bound(), 'stream=Stderr&tailLines=5', 422, 'are mutually exclusive'],
    ['no bytes', bound(), 'limitBytes=0', 422, 'limitBytes: Invalid value: "0": must be greater than 0'],
    ['lines', bound(), 'tailLines=many', 400, 'tailLines: "many" is not a whole number'],
    ['time', bound(), 'sinceTime=yesterday', 400, 'sinceTime: "yesterday" is not a time'],
    [
      'two beginnings',
      bound(),
      'sinceTime=2026-01-01T00:00:00Z&sinceSeconds=1',
      400,
      'at most one of `sinceTime` or `sinceSeconds` may be specified',
    ],
  ])('refuses: %s', async (_name, access, query, code, text) => {
    const [status, message] = await refusal(call('log', access, { query }));
    expect([status, message]).toEqual([code, expect.stringContaining(text)]);
  });
});
