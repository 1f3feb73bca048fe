/** The life of a kind by all verbs, as many tests of Kubernetes' conformance list go through it: the same for every kind. */
import { expect } from '@jest/globals';
import { until } from '@timonel/testkit';
import { samples, type Sample } from '../../integration/apiserver-kinds-samples.ts';
import type { Answer, HttpWatch, TestApiServer } from '../../support/api-server.ts';

type Json = Readonly<Record<string, unknown>>;

const patches: readonly (readonly [type: string, body: unknown])[] = [
  ['application/json-patch+json', [{ op: 'add', path: '/metadata/annotations', value: { json: 'yes' } }]],
  ['application/merge-patch+json', { metadata: { annotations: { merge: 'yes' } } }],
  ['application/strategic-merge-patch+json', { metadata: { annotations: { strategic: 'yes' } } }],
];
const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

class Life {
  readonly #server: TestApiServer;
  readonly #sample: Sample;
  readonly #life = crypto.randomUUID();
  readonly #names: readonly [string, string];
  readonly #root: string;
  readonly #resource: string;
  #collection = '';

  constructor(server: TestApiServer, sample: Sample) {
    const [resource = '', ...version] = sample.path.split('/').toReversed();
    this.#server = server;
    this.#sample = sample;
    this.#names = sample.names ?? ['a', 'b'];
    this.#root = `/${version.length === 1 ? 'api' : 'apis'}/${version.toReversed().join('/')}`;
    this.#resource = resource;
  }

  async #ask(status: number, method: string, path: string, body?: unknown, type?: string): Promise<Answer['body']> {
    const answer = await this.#server.send(method, path, {
      ...(body === undefined ? {} : { body }),
      ...(type === undefined ? {} : { type }),
    });
    const said = answer.status === status ? undefined : answer.text;
    expect({ method, path, status: answer.status, said }).toEqual({ method, path, status, said: undefined });
    return answer.body;
  }

  get #everywhere(): string {
    return `${this.#root}/${this.#resource}`;
  }
  get #selected(): string {
    return `labelSelector=life%3D${this.#life}`;
  }
  #of(name: string): string {
    return `${this.#collection}/${name}`;
  }

  async #namesIn(list: string): Promise<string[]> {
    const { items } = await this.#ask(200, 'GET', `${list}?${this.#selected}`);
    return items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
  }

  async #discover(): Promise<void> {
    const { resources } = await this.#ask(200, 'GET', this.#root);
    const found = (resources as Resource[]).find(({ name }) => name === this.#resource);
    expect(found).toMatchObject({ kind: this.#sample.kind });
    expect(found?.verbs.toSorted()).toEqual(verbs);
    const namespaces = found?.namespaced === true ? '/namespaces/default' : '';
    this.#collection = `${this.#root}${namespaces}/${this.#resource}`;
  }

  async #create(name: string): Promise<void> {
    const content = this.#sample.objectOf?.(name) ?? this.#sample.object;
    const body = { metadata: { name, labels: { life: this.#life } }, ...content };
    expect(await this.#ask(201, 'POST', this.#collection, body)).toMatchObject(body);
    expect(await this.#ask(200, 'GET', this.#of(name))).toMatchObject(body);
  }

  async #change(name: string): Promise<void> {
    for (const [type, body] of patches) await this.#ask(200, 'PATCH', this.#of(name), body, type);
    const patched = await this.#ask(200, 'GET', this.#of(name));
    const annotations = { json: 'yes', merge: 'yes', strategic: 'yes', replaced: 'yes' };
    expect({ ...patched.metadata.annotations, replaced: 'yes' }).toEqual(annotations);
    const body = { ...patched, metadata: { ...patched.metadata, annotations } };
    expect((await this.#ask(200, 'PUT', this.#of(name), body)).metadata.annotations).toEqual(annotations);
    await this.#ask(409, 'PUT', this.#of(name), body);
  }

  /** Writes of the status change it alone, and those of the object do not. */
  async #changeStatus(name: string, status: Json): Promise<void> {
    const path = `${this.#of(name)}/status`;
    const { spec } = await this.#ask(200, 'GET', path);
    const [, merge = ''] = patches.map(([type]) => type);
    const patched = await this.#ask(200, 'PATCH', path, { status, spec: { odd: true } }, merge);
    expect(patched).toMatchObject({ status });
    expect(patched.spec).toEqual(spec);
    const replaced = await this.#ask(200, 'PUT', path, { ...patched, status });
    expect(await this.#ask(200, 'PUT', this.#of(name), { ...replaced, status: {} })).toMatchObject({ status });
  }

  #checkEvents({ events }: HttpWatch): void {
    const [first, second] = this.#names;
    const seen = events.map(({ type, object }) => `${type} ${object.metadata.name}`);
    const modified = `MODIFIED ${first}`;
    expect(seen.filter((line) => line !== modified)).toEqual([
      `ADDED ${first}`,
      `ADDED ${second}`,
      `DELETED ${first}`,
      `DELETED ${second}`,
    ]);
    expect(seen.slice(1, 5)).toEqual([modified, modified, modified, modified]);
  }

  async run(): Promise<void> {
    const [first, second] = this.#names;
    await this.#discover();
    const { metadata } = await this.#ask(200, 'GET', this.#everywhere);
    const from = `resourceVersion=${metadata.resourceVersion}`;
    const watch = this.#server.watch(`${this.#everywhere}?watch=1&${this.#selected}&${from}`);
    await this.#create(first);
    await this.#change(first);
    if (this.#sample.status !== undefined) await this.#changeStatus(first, this.#sample.status);
    await this.#create(second);
    for (const list of [this.#collection, this.#everywhere]) {
      expect((await this.#namesIn(list)).toSorted()).toEqual([first, second].toSorted());
    }
    await this.#ask(200, 'DELETE', this.#of(first));
    await this.#ask(404, 'GET', this.#of(first));
    await this.#ask(200, 'DELETE', `${this.#collection}?${this.#selected}`);
    expect(await this.#namesIn(this.#everywhere)).toEqual([]);
    await until(() => watch.events.filter(({ type }) => type === 'DELETED').length === 2, { what: 'the deletions' });
    watch.stop();
    this.#checkEvents(watch);
  }
}

/** Of `apps/v1/deployments`, for example. */
export async function lives(server: TestApiServer, path: string): Promise<void> {
  const sample = samples.find((each) => each.path === path);
  if (sample === undefined) throw new Error(`there is no sample of ${path}`);
  await new Life(server, sample).run();
}
