import { describe, expect, it } from '@jest/globals';
import type { Container } from '@timonel/sdk/kube';
import { manualEnv } from '@timonel/testkit';
import { container, viewOf } from '../plan/testing.ts';
import { verdictOf } from '../plan/containers.ts';
import { ContainerProbes } from './container-probes.ts';

/** Follows a container's probes for some seconds; `answers` by the path of the probe. Gives the changes with their second. */
async function follow(
  changes: Partial<Container>,
  seconds: number,
  healthy: (path: string, second: number) => boolean | undefined,
  then: (probes: ContainerProbes) => void = () => undefined,
) {
  const env = manualEnv();
  const app = container('app', changes);
  const seen: string[] = [];
  const begin = env.clock.monotonic();
  const second = (): number => Math.round((env.clock.monotonic() - begin) / 1000);
  const probes = new ContainerProbes(
    {
      after: (delayMs, fn) => env.timers.after(delayMs, fn),
      run: async (probe) => {
        const answer = healthy(probe.httpGet?.path ?? '', second());
        const outcome = answer === undefined ? 'error' : answer ? 'success' : 'failure';
        return { outcome, message: 'no' };
      },
      verdict: ({ ready, started, unhealthy }) =>
        seen.push(`${second()}s started=${started} ready=${ready}${unhealthy === undefined ? '' : ` ${unhealthy}`}`),
      told: () => undefined,
    },
    app,
    0,
    verdictOf(viewOf(), app, 'app-0'),
  );
  then(probes);
  for (let step = 0; step < seconds * 2; step += 1) await env.advance(500);
  probes.close();
  return seen;
}

const get = (path: string, more: object = {}) => ({ httpGet: { path, port: 80 }, periodSeconds: 2, ...more });

describe('probes of a container', () => {
  it('readiness: passes after its delay, fails at its threshold, passes again', async () => {
    const readinessProbe = get('/ready', { initialDelaySeconds: 3, failureThreshold: 2 });
    const seen = await follow({ readinessProbe }, 20, (_path, second) => second < 6 || second > 12);
    expect(seen).toEqual(['3s started=true ready=true', '9s started=true ready=false', '13s started=true ready=true']);
  });

  it('liveness: gives up after three failures in a row, not after two', async () => {
    const livenessProbe = get('/live');
    const twice = await follow({ livenessProbe }, 20, (_path, second) => second < 4 || second > 7);
    expect(twice).toEqual([]);
    const seen = await follow({ livenessProbe }, 20, (_path, second) => second < 4);
    expect(seen).toEqual(['8s started=true ready=false Container app failed liveness probe, will be restarted']);
  });

  it('liveness: what cannot be tried counts for nothing', async () => {
    const livenessProbe = get('/live');
    expect(await follow({ livenessProbe }, 30, (_path, second) => (second % 6 < 2 ? false : undefined))).toEqual([
      '12s started=true ready=false Container app failed liveness probe, will be restarted',
    ]);
    expect(await follow({ livenessProbe }, 30, () => undefined)).toEqual([]);
  });

  it('of a container that is to end tell whether it is ready, and give it up no more', async () => {
    const both = { readinessProbe: get('/ready', { failureThreshold: 1 }), livenessProbe: get('/live') };
    const seen = await follow(
      both,
      20,
      (_path, second) => second < 6,
      (probes) => probes.onlyReadiness(),
    );
    expect(seen).toEqual(['0s started=true ready=true', '6s started=true ready=false']);
  });

  it('startup: holds the others back until it passes', async () => {
    const probes = {
      startupProbe: get('/start', { failureThreshold: 10 }),
      readinessProbe: get('/ready'),
      livenessProbe: get('/live'),
    };
    const seen = await follow(probes, 12, (path, second) => (path === '/start' ? second >= 6 : second >= 6));
    expect(seen).toEqual(['6s started=true ready=false', '6s started=true ready=true']);
  });

  it('startup: a container that never starts is given up', async () => {
    const seen = await follow({ startupProbe: get('/start', { failureThreshold: 2 }) }, 10, () => false);
    expect(seen).toEqual(['2s started=false ready=false Container app failed startup probe, will be restarted']);
  });
});
