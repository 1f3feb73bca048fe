import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core';
import type { ApiClient } from '../contracts/api/index.ts';
import { openMetrics, type MetricFamily, type MetricOpener } from '../kernel/index.ts';
import { ApiError, type CoreEvent } from '../kube/index.ts';
import type { ControllerHost } from './host.ts';
import { TableHealth } from './table-health.ts';

function bench(isNodeThere = true) {
  const env = createSimulatedEnv({ seed: 1 });
  const lines: string[] = [];
  const events: CoreEvent[] = [];
  const collects: (() => readonly MetricFamily[])[] = [];
  const log = {
    debug() {},
    error() {},
    info: (_: object, text: string) => lines.push(text),
    warn: ({ error }: { error: string }, text: string) => lines.push(`${text}: ${error}`),
  };
  const metrics: MetricOpener = (definitions, refresh) => {
    const { instruments, collect } = openMetrics(definitions, refresh);
    collects.push(collect);
    return instruments;
  };
  const host = { name: 'proxy', env, log, metrics, signal: new AbortController().signal } as unknown as ControllerHost;
  const api = {
    get: async () => {
      if (!isNodeThere) throw new ApiError('NotFound', 'there is none');
      return { metadata: { name: 'n1', uid: 'u1' } };
    },
    create: async (_: unknown, event: CoreEvent) => void events.push(event),
  } as unknown as ApiClient;
  const values = (): Record<string, number | undefined> =>
    Object.fromEntries(collects.flatMap((collect) => collect()).map(({ name, samples }) => [name, samples[0]?.value]));
  return { env, lines, events, values, health: new TableHealth(host, api, { of: 'services', nodeName: 'n1' }) };
}

const warning = 'the service rules could not be written; those of before stay, trying again';

describe('TableHealth', () => {
  it('tells of a row of failures once, of another reason again, and of its end', async () => {
    const { env, health, lines, events, values } = bench();
    health.succeeded();
    expect([lines, values()]).toEqual([[], expect.objectContaining({ timonel_node_rules_stale: 0 })]);
    for (const message of ['no memory', 'no memory', 'bad rule', 'bad rule']) health.failed(new Error(message));
    await env.settle();
    expect(lines).toEqual([`${warning}: no memory`, `${warning}: bad rule`]);
    expect(
      events.map(({ reason, type, message, involvedObject }) => [reason, type, message, involvedObject.name]),
    ).toEqual([
      [
        'ServiceRulesNotInForce',
        'Warning',
        'the service rules could not be written, those of before stay: no memory',
        'n1',
      ],
    ]);
    expect(values()).toEqual({ timonel_node_rules_failures_total: 4, timonel_node_rules_stale: 1 });
    health.succeeded();
    health.succeeded();
    expect(lines.slice(2)).toEqual(['the service rules are in force again']);
    expect(values()).toMatchObject({ timonel_node_rules_stale: 0 });
    health.failed(new Error('bad rule'));
    expect(lines).toHaveLength(4);
  });

  it('does without the event when the node cannot be read', async () => {
    const { env, health, lines, events } = bench(false);
    health.failed(new Error('no memory'));
    await env.settle();
    expect([lines.length, events]).toEqual([1, []]);
  });
});
