import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { Node } from '@timonel/sdk/kube';
import { createRecordingLogger } from '@timonel/testkit';
import { Members } from './members.ts';

const label = 'ingress.timonel.dev/haproxy';

function node(name: string, address: string, status: 'True' | 'Unknown', labels: Record<string, string> = {}): Node {
  const conditions = [{ type: 'Ready', status }];
  return { metadata: { name, labels }, spec: {}, status: { addresses: [{ type: 'InternalIP', address }], conditions } };
}

describe('the nodes that serve', () => {
  it('say so by a label, and the first that is ready leads', async () => {
    let all = [
      node('b', '192.0.2.2', 'True'),
      node('a', '192.0.2.1', 'True', { [label]: 'true' }),
      node('c', '192.0.2.3', 'True'),
    ];
    const labelsOf = (name: string): Record<string, string | null> =>
      all.find(({ metadata }) => metadata.name === name)?.metadata.labels ?? {};
    const api = {
      list: async () => ({
        metadata: {},
        items: all.filter(({ metadata }) => typeof metadata.labels?.[label] === 'string'),
      }),
      patch: async (_: unknown, { name }: { name: string }, { body }: { body: { metadata: { labels: object } } }) => {
        Object.assign(labelsOf(name), body.metadata.labels);
      },
    } as unknown as ApiClient;
    const env = createSimulatedEnv({ seed: 1 });
    const host = {
      name: 'test',
      env,
      log: createRecordingLogger(),
      signal: new AbortController().signal,
      reportFault: () => undefined,
    };
    let changes = 0;
    const members = new Members({ host, api, nodeName: 'b', changed: () => (changes += 1) });
    members.start();
    await env.advance(5_000);
    expect([members.leads, members.addresses, changes]).toEqual([false, ['192.0.2.1', '192.0.2.2'], 1]);
    all = all.map((known) =>
      known.metadata.name === 'a' ? node('a', '192.0.2.1', 'Unknown', { [label]: 'true' }) : known,
    );
    await env.advance(20_000);
    expect([members.leads, members.addresses, changes]).toEqual([true, ['192.0.2.2'], 2]);
    await members.stop(true);
    expect(labelsOf('b')[label]).toBeNull();
  });
});
