/** Volumes of the downward API, alone and projected, in real containers. */
import { describe, expect, it } from '@jest/globals';
import { parseQuantity } from '@timonel/sdk/kube';
import { once, sh } from './support/real/containers.ts';
import { mounts, show } from './support/real/keyed-volumes.ts';
import { realNode } from './support/real/real-node.ts';

const node = realNode();
const resource = (path: string, of: string, divisor?: string): object => ({
  path,
  resourceFieldRef: { containerName: 'c', resource: of, ...(divisor === undefined ? {} : { divisor }) },
});
const field = (path: string, fieldPath: string, more: object = {}): object => ({
  path,
  fieldRef: { fieldPath },
  ...more,
});
const items = [
  field('name', 'metadata.name'),
  field('private', 'metadata.name', { mode: 0o400 }),
  field('uid', 'metadata.uid'),
  field('labels', 'metadata.labels'),
  field('label', "metadata.labels['b']"),
  resource('cpu-limit', 'limits.cpu'),
  resource('cpu-limit-milli', 'limits.cpu', '1m'),
  resource('memory-limit', 'limits.memory'),
  resource('cpu-request', 'requests.cpu'),
  resource('cpu-request-milli', 'requests.cpu', '1m'),
  resource('memory-request', 'requests.memory', '1Mi'),
];
const defaults = [resource('cpu', 'limits.cpu'), resource('memory', 'limits.memory')];
const resources = { limits: { cpu: '1250m', memory: '64Mi' }, requests: { cpu: '150m', memory: '32Mi' } };

describe('storage: downward API volumes', () => {
  const kinds = [
    ['of its own', (of: object[], more: object = {}) => ({ downwardAPI: { items: of, ...more } })],
    [
      'projected',
      (of: object[], more: object = {}) => ({ projected: { sources: [{ downwardAPI: { items: of } }], ...more } }),
    ],
  ] as const;
  const labels = { b: 'two words', a: '"quoted"' };
  const cases = kinds.map(([kind, of], index) => {
    const volumes = mounts({ v: of(items), modes: of(items, { defaultMode: 0o400 }) });
    const script = `${show}; cat /v/labels > /tmp/labels; show /v/name /v/private /v/uid /v/label /v/*-* /modes/name`;
    const limited = sh(script, { ...volumes, resources });
    const pod = node.pod(`down-${index}`, once(limited, volumes), { labels: { b: 'two', a: 'one' } });
    const open = mounts({ v: of(defaults) });
    const unlimited = node.pod(`down-open-${index}`, once(sh(`${show}; show /v/cpu /v/memory`, open), open));
    const annotated = mounts({ v: of([field('all', 'metadata.annotations'), field('labels', 'metadata.labels')]) });
    const texts = node.pod(
      `down-texts-${index}`,
      once(sh('cat /v/all; echo; cat /v/labels; echo', annotated), annotated),
      {
        annotations: labels,
        labels: { b: 'two', a: 'one' },
      },
    );
    return { kind, pod, unlimited, texts };
  });

  it.each(cases)('$kind show the name of the pod', async ({ pod }) => {
    expect((await pod.values())['/v/name']).toBe(`644:0:0:${pod.name}`);
  });
  it.each(cases)('$kind have the default mode that is asked for', async ({ pod }) => {
    expect((await pod.values())['/modes/name']).toBe(`400:0:0:${pod.name}`);
  });
  it.each(cases)('$kind have modes of single files', async ({ pod }) => {
    expect((await pod.values())['/v/private']).toBe(`400:0:0:${pod.name}`);
  });
  it.each(cases)('$kind show uid and one label', async ({ pod }) => {
    const values = await pod.values();
    expect(values['/v/uid']).toBe(`644:0:0:${pod.now.metadata.uid}`);
    expect(values['/v/label']).toBe('644:0:0:two');
  });
  it.each(cases)('$kind show labels and annotations in order, as quoted texts', async ({ texts }) => {
    const lines = (await texts.output()).trimEnd().split('\n');
    expect(lines.filter((line) => !line.startsWith('timonel') && line !== '')).toEqual([
      String.raw`a="\"quoted\""`,
      'b="two words"',
      'a="one"',
      'b="two"',
    ]);
  });
  it.each(cases)('$kind show the limit of CPU', async ({ pod }) => {
    const values = await pod.values();
    expect([values['/v/cpu-limit'], values['/v/cpu-limit-milli']]).toEqual(['644:0:0:2', '644:0:0:1250']);
  });
  it.each(cases)('$kind show the limit of memory', async ({ pod }) => {
    expect((await pod.values())['/v/memory-limit']).toBe(`644:0:0:${64 << 20}`);
  });
  it.each(cases)('$kind show the request of CPU', async ({ pod }) => {
    const values = await pod.values();
    expect([values['/v/cpu-request'], values['/v/cpu-request-milli']]).toEqual(['644:0:0:1', '644:0:0:150']);
  });
  it.each(cases)('$kind show the request of memory', async ({ pod }) => {
    expect((await pod.values())['/v/memory-request']).toBe('644:0:0:32');
  });
  it.each(cases)('$kind show what the node has where CPU has no limit', async ({ unlimited }) => {
    const { allocatable } = (await node.api.ask('GET', '/api/v1/nodes/node-1')).status;
    const cores = Math.ceil(Number(parseQuantity(allocatable.cpu)));
    expect((await unlimited.values())['/v/cpu']).toBe(`644:0:0:${cores}`);
  });
  it.each(cases)('$kind show what the node has where memory has no limit', async ({ unlimited }) => {
    const { allocatable } = (await node.api.ask('GET', '/api/v1/nodes/node-1')).status;
    expect((await unlimited.values())['/v/memory']).toBe(`644:0:0:${Number(parseQuantity(allocatable.memory))}`);
  });
});
