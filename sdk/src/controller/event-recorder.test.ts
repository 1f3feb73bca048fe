import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core';
import type { ApiClient } from '../contracts/api/index.ts';
import type { Logger } from '../kernel/index.ts';
import { configMaps, type ConfigMap, type CoreEvent } from '../kube/index.ts';
import { EventRecorder, type EventRecorderOptions } from './event-recorder.ts';

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

/** A recorder whose writes last until they are let go. */
function heldRecorder(options: Partial<EventRecorderOptions>) {
  const env = createSimulatedEnv({ seed: 1 });
  const begun: string[] = [];
  const called: string[] = [];
  const counted: unknown[] = [];
  const releases: (() => void)[] = [];
  const held = <T>(value: T): Promise<T> => new Promise((resolve) => releases.push(() => resolve(value)));
  const api = {
    create: (_: unknown, event: CoreEvent) => {
      begun.push(event.message ?? '');
      called.push(event.metadata.name ?? '');
      return held(event);
    },
    patch: (_type: unknown, metadata: unknown, { body }: { body: CoreEvent }) => {
      counted.push(body.count);
      return held({ ...body, metadata });
    },
  } as unknown as ApiClient;
  const stop = new AbortController();
  const host = { name: 'test', env, log: silent, signal: stop.signal, reportFault: () => undefined };
  const events = new EventRecorder(host, api, { component: 'test', ...options });
  const record = (name: string): void => {
    const object: ConfigMap = { metadata: { name, namespace: 'default', uid: name } };
    events.record(configMaps, object, 'Normal', 'Tested', name);
  };
  const letGo = async (): Promise<void> => {
    for (const release of releases.splice(0)) release();
    await env.settle();
  };
  return { begun, called, counted, events, record, letGo, stop };
}

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `n${index}`);

describe('what an event recorder writes at once', () => {
  it('is as much as it may be, and all of it in the end', async () => {
    const { begun, events, record, letGo } = heldRecorder({ parallel: 4 });
    for (const name of names(10)) record(name);
    expect(begun).toEqual(names(4));
    while (begun.length < 10) await letGo();
    await Promise.all([events.flush(), letGo()]);
    expect(begun).toEqual(names(10));
    expect(events.dropped).toBe(0);
  });

  it('is one event while something else goes first, and more again after that', async () => {
    let busy = false;
    const { begun, record, letGo } = heldRecorder({ parallel: 4, busy: () => busy });
    for (const name of names(20)) record(name);
    expect(begun).toHaveLength(4);
    busy = true;
    await letGo();
    expect(begun).toHaveLength(5);
    await letGo();
    expect(begun).toHaveLength(6);
    busy = false;
    await letGo();
    expect(begun).toHaveLength(10);
  });

  it('is no event that is the same as another one: it is counted up after that', async () => {
    const { begun, counted, events, record, letGo } = heldRecorder({ parallel: 4 });
    for (const name of ['a', 'a', 'b', 'a']) record(name);
    expect(begun).toEqual(['a', 'b']);
    expect(counted).toEqual([]);
    await letGo();
    await letGo();
    await Promise.all([events.flush(), letGo()]);
    expect(begun).toEqual(['a', 'b']);
    expect(counted).toEqual([2, 3]);
  });

  it('is nothing more when the plugin stops', async () => {
    const { begun, events, record, letGo, stop } = heldRecorder({ parallel: 2 });
    for (const name of names(10)) record(name);
    stop.abort();
    await letGo();
    await events.flush();
    expect(begun).toEqual(names(2));
  });
});

it('an event of an object with a very long name has a valid name all the same', () => {
  const { called, record } = heldRecorder({ parallel: 2 });
  record(`${'a'.repeat(229)}-${'b'.repeat(10)}`);
  record(`${'a'.repeat(228)}-.${'b'.repeat(10)}`);
  expect(called).toEqual([
    expect.stringMatching(/^a{229}\.[0-9a-f]{16}$/),
    expect.stringMatching(/^a{228}\.[0-9a-f]{16}$/),
  ]);
});
