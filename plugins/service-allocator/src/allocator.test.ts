import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core';
import type { AdmissionContext } from '@timonel/sdk/contracts/api-server';
import type { Service } from '@timonel/sdk/kube';
import { Allocation } from './allocation.ts';
import { Allocator } from './allocator.ts';
import type { ValueName } from './held-values.ts';
import { addressRange } from './ranges.ts';

const env = createSimulatedEnv({ seed: 1 });
const context = { namespace: 'default', name: 'web', dryRun: false } as AdmissionContext;

/** `claim` answers which of the values belong to others. */
function allocator(claim: (names: readonly ValueName[]) => Promise<ValueName[]>): Allocator {
  const range = addressRange('10.0.0.0/24');
  if (range === undefined) throw new Error('no range');
  const allocation = new Allocation(env, [range], { first: 30_000, last: 30_100 });
  return new Allocator({ allocation, claims: { claim }, synced: Promise.resolve(), env });
}

function nodePortService(): Service {
  return { metadata: { name: 'web', uid: 'u' }, spec: { type: 'NodePort', ports: [{ port: 80 }] } };
}

describe('filling in a service', () => {
  it('claims each value that it leaves in, also what was picked beside one that was taken', async () => {
    const asked: (readonly ValueName[])[] = [];
    const service = nodePortService();
    const isAddress = (name: ValueName): boolean => name.startsWith('addresses/');
    await allocator((names) => {
      asked.push(names);
      return Promise.resolve(asked.length < 3 ? names.filter(isAddress) : []);
    }).fill(service, context);
    expect(asked).toHaveLength(3);
    expect(
      asked
        .at(-1)
        ?.map((name) => name.split('/')[0])
        .toSorted(),
    ).toEqual(['addresses', 'node-ports']);
    expect(asked.at(-1)).toContain(`addresses/${service.spec.clusterIP}`);
    expect(asked.at(-1)).toContain(`node-ports/${service.spec.ports?.[0]?.nodePort}-TCP`);
  });

  it('leaves nothing in when the store does not answer, and says so', async () => {
    const service = nodePortService();
    const silent = allocator(() => new Promise(() => undefined));
    const filled = silent.fill(service, context);
    await env.advance(2_000);
    await filled;
    expect([service.spec.clusterIP, service.spec.ports?.[0]?.nodePort]).toEqual([undefined, undefined]);
    const [problem] = await silent.problems(service, context);
    expect(problem).toMatchObject({ reason: 'ServiceUnavailable' });
  });
});
