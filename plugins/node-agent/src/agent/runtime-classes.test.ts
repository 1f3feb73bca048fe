import { describe, expect, it } from '@jest/globals';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { ApiError, type RuntimeClass } from '@timonel/sdk/kube';
import { createRecordingLogger, manualEnv } from '@timonel/testkit';
import { RememberedSources, type RememberedSource } from '../checkpoint/remembered-sources.ts';
import type { SourceKey } from '../checkpoint/references.ts';
import { podWith } from '../plan/testing.ts';
import { RuntimeClasses } from './runtime-classes.ts';

function classesOf(get: () => Promise<unknown>, known: Record<string, RememberedSource> = {}) {
  const api = { get } as unknown as ApiClient;
  const { signal } = new AbortController();
  const host = { env: manualEnv(), log: createRecordingLogger(), signal, reportFault: () => undefined };
  const remembered = new Map(Object.entries(known) as [SourceKey, RememberedSource][]);
  const sources = new RememberedSources(api, remembered, () => undefined);
  const parts = { host: host as never, api, sources, defaultHandler: 'linux', came: () => undefined };
  return { classes: new RuntimeClasses(parts), sources };
}

const gvisor: RuntimeClass = { metadata: { name: 'gvisor' }, handler: 'runsc' };
const pod = podWith({ runtimeClassName: 'gvisor' });
const away = (): Promise<never> => Promise.reject(new ApiError('ServiceUnavailable', 'away'));

describe('runtime classes', () => {
  it('name the handler, which is not their own name; pods without one get the usual', async () => {
    const { classes } = classesOf(async () => gvisor);
    expect(await classes.handlerOf(pod)).toBe('runsc');
    expect(await classes.handlerOf(podWith())).toBe('linux');
    expect(await classes.handlerOf(podWith({ runtimeClassName: '' }))).toBe('linux');
  });

  it('are known from before while the API is away', async () => {
    const { classes, sources } = classesOf(away, { 'runtimeclasses//gvisor': gvisor });
    expect(await classes.handlerOf(pod)).toBe('runsc');
    expect([...sources.retain(new Set(['runtimeclasses//gvisor'])).values()]).toEqual([gvisor]);
    await expect(classesOf(away).classes.handlerOf(pod)).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
  });

  it('that do not exist are named', async () => {
    const { classes } = classesOf(() => Promise.reject(new ApiError('NotFound', 'no')));
    await expect(classes.handlerOf(pod)).rejects.toThrow('RuntimeClass "gvisor" not found: create it');
  });
});
