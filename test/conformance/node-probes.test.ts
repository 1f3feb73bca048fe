/** Probes and lifecycle hooks on a real node. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { http, idle, once, sh, steady } from './support/real/containers.ts';
import type { RealPod, Shown } from './support/real/real-pod.ts';
import { realNode } from './support/real/real-node.ts';

const node = realNode();
const grpcServer = readFileSync(join(import.meta.dirname, '..', 'images', 'grpc-health.cjs'), 'utf8');
const restarts = (pod: RealPod): number => pod.now.status.containerStatuses[0].restartCount;
const timesOf = (pod: RealPod): number[] =>
  pod.changes.map(({ object }) => object.status.containerStatuses?.[0].restartCount ?? 0);

describe('node: probes', () => {
  const often = { periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 5 };
  const file = { exec: { command: ['cat', '/tmp/health'] }, ...often, initialDelaySeconds: 1 };
  const healthz = { httpGet: { path: '/healthz', port: 8080 }, ...often };
  const delayed = node.pod('delayed', steady(http({ readinessProbe: { ...healthz, initialDelaySeconds: 3 } })));
  const never = node.pod('never-ready', steady(idle({ readinessProbe: { exec: { command: ['false'] }, ...often } })));
  const execFails = node.pod(
    'exec-fails',
    steady(sh('touch /tmp/health; sleep 2; rm /tmp/health; exec sleep 3600', { livenessProbe: file })),
  );
  const execWell = node.pod('exec-well', steady(sh('touch /tmp/health; exec sleep 3600', { livenessProbe: file })));
  const httpFails = node.pod('http-fails', steady(http({ livenessProbe: healthz }, '2')));
  // The server of a busy machine takes a moment until it listens.
  const patient = { initialDelaySeconds: 1, failureThreshold: 3 };
  const httpWell = node.pod(
    'http-well',
    steady(http({ livenessProbe: { ...healthz, ...patient }, readinessProbe: healthz })),
  );
  const tcp = { tcpSocket: { port: 8080 }, ...often, initialDelaySeconds: 1 };
  const tcpWell = node.pod('tcp-well', steady(http({ livenessProbe: { ...tcp, ...patient } })));
  const tcpFails = node.pod('tcp-fails', steady(idle({ livenessProbe: tcp })));
  const grpc = (seconds: string): object => ({
    name: 'c',
    image: 'timonel.local/node:host',
    command: ['node', '-e', grpcServer, seconds],
    livenessProbe: { grpc: { port: 5000 }, ...often, initialDelaySeconds: 1, failureThreshold: 2 },
  });
  const grpcWell = node.pod('grpc-well', steady(grpc('0')));
  const grpcFails = node.pod('grpc-fails', steady(grpc('2')));
  const redirected = node.pod(
    'redirected',
    steady(
      http({ livenessProbe: { httpGet: { path: '/redirect?http://127.0.0.9/', port: 8080 }, ...often, ...patient } }),
    ),
  );
  const rising = node.pod('rising', steady(http({ livenessProbe: healthz }, '1')));
  const starting = node.pod(
    'starting',
    steady(
      sh('sleep 3; touch /tmp/health; exec sleep 3600', {
        livenessProbe: file,
        startupProbe: { exec: { command: ['cat', '/tmp/health'] }, periodSeconds: 1, failureThreshold: 30 },
      }),
    ),
  );

  /** It has been probed for some seconds, and has not been restarted. */
  const stays = async (pod: RealPod): Promise<void> => {
    await pod.ready();
    const [{ state }] = pod.now.status.containerStatuses;
    const started = Date.parse(state.running.startedAt);
    await node.passed(started + 5000);
    expect(restarts(pod)).toBe(0);
  };
  const restarted = (pod: RealPod): Promise<Shown> =>
    pod.container('a restart', ({ restartCount }) => restartCount > 0);

  it('keep a container from being ready before their initial delay, without a restart', async () => {
    const { status } = await delayed.ready();
    const { lastTransitionTime } = status.conditions.find(({ type }: Shown) => type === 'Ready');
    const [{ state, restartCount }] = status.containerStatuses;
    expect(Date.parse(lastTransitionTime) - Date.parse(state.running.startedAt)).toBeGreaterThanOrEqual(2000);
    expect(restartCount).toBe(0);
  });
  it('that fail always let a container never be ready, and never restart it', async () => {
    const { state } = await never.container('to run', (status) => status.state.running);
    await node.passed(Date.parse(state.running.startedAt) + 5000);
    expect(never.now.status.containerStatuses[0]).toMatchObject({ ready: false, started: true, restartCount: 0 });
    const isReady = ({ object }: Shown): boolean =>
      object.status.conditions?.some(({ type, status }: Shown) => type === 'Ready' && status === 'True');
    expect(never.changes.some(isReady)).toBe(false);
    await never.told(/^Unhealthy: Readiness probe failed/);
  });
  it('restart a container whose command of liveness fails', async () => {
    expect(await restarted(execFails)).toMatchObject({ lastState: { terminated: { exitCode: 137 } } });
    await execFails.told(/^Unhealthy: Liveness probe failed: cat: can't open/);
    await execFails.told(/^Killing: Container c failed liveness probe, will be restarted$/);
  });
  it('do not restart a container whose command of liveness succeeds', () => stays(execWell));
  it('restart a container whose /healthz fails over HTTP', async () => {
    await restarted(httpFails);
    await httpFails.told(/^Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500/);
  });
  it('do not restart a container whose /healthz is well over HTTP', () => stays(httpWell));
  it('do not restart a container that takes connections over TCP', () => stays(tcpWell));
  it('restart a container that takes no connections over TCP', async () => {
    await restarted(tcpFails);
  });
  it('do not restart a container that serves over gRPC', () => stays(grpcWell));
  it('restart a container that serves no longer over gRPC', async () => {
    await restarted(grpcFails);
    await grpcFails.told('Unhealthy: Liveness probe failed: service unhealthy (responded with "NOT_SERVING")');
  });
  it('take a redirection to another host for success, with a warning', async () => {
    await stays(redirected);
    await redirected.told(/^ProbeWarning: Liveness probe warning: Probe terminated redirects/);
  });
  it('that fail again and again let the count of restarts rise, and never fall', async () => {
    await rising.container('two restarts', ({ restartCount }) => restartCount >= 2);
    const counts = timesOf(rising);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  });
  it('of liveness wait until the probe of the start has succeeded', async () => {
    await starting.ready();
    const running = starting.changes
      .flatMap(({ object }) => object.status.containerStatuses ?? [])
      .filter(({ state }: Shown) => state.running);
    expect(running[0]).toMatchObject({ started: false, ready: false });
    expect(running.at(-1)).toMatchObject({ started: true, ready: true, restartCount: 0 });
  });
});

describe('node: lifecycle hooks', () => {
  const witness = node.pod('witness', steady(http()));
  const hooked = async (name: string, lifecycle: (host: string) => object): Promise<RealPod> => {
    const { podIP } = (await witness.ready()).status;
    const pod = node.later(name, steady(idle({ lifecycle: lifecycle(podIP) }), { terminationGracePeriodSeconds: 10 }));
    await pod.create();
    await pod.ready();
    return pod;
  };
  const call = (host: string, path: string): object => ({
    exec: { command: ['wget', '-q', '-O', '/dev/null', `http://${host}:8080${path}`] },
  });
  const get = (host: string, path: string): object => ({ httpGet: { host, port: 8080, path } });

  it('postStart runs a command', async () => {
    await hooked('post-exec', (host) => ({ postStart: call(host, '/post-exec') }));
    await witness.untilLogs(/GET \/post-exec\n/);
  });
  it('preStop runs a command before the container ends', async () => {
    const pod = await hooked('pre-exec', (host) => ({ preStop: call(host, '/pre-exec') }));
    await pod.delete();
    await pod.gone();
    await witness.untilLogs(/GET \/pre-exec\n/);
  });
  it('postStart asks over HTTP', async () => {
    await hooked('post-http', (host) => ({ postStart: get(host, '/post-http') }));
    await witness.untilLogs(/GET \/post-http\n/);
  });
  it('preStop asks over HTTP before the container ends', async () => {
    const pod = await hooked('pre-http', (host) => ({ preStop: get(host, '/pre-http') }));
    await pod.delete();
    await pod.gone();
    await witness.untilLogs(/GET \/pre-http\n/);
  });
  it('preStop is over before the container is asked to end', async () => {
    const preStop = { exec: { command: ['sh', '-c', 'sleep 1; echo prestop > /proc/1/fd/1'] } };
    const script = "trap 'echo asked; exit 0' TERM; sleep 3600 & wait";
    const pod = node.later(
      'order',
      steady(sh(script, { lifecycle: { preStop } }), { terminationGracePeriodSeconds: 10 }),
    );
    await pod.create();
    await pod.ready();
    const path = `${pod.path}/log?follow=true`;
    const following = node.text(path);
    await pod.delete();
    expect(await following).toBe('prestop\nasked\n');
    await pod.gone();
  });
  it('postStart that fails ends the container, with an event', async () => {
    const postStart = { exec: { command: ['sh', '-c', 'echo no good; exit 3'] } };
    const pod = node.later('post-fails', once(sh('exec sleep 3600', { lifecycle: { postStart } })));
    await pod.create();
    await pod.untilPhase('Failed');
    await pod.told(/^FailedPostStartHook: /);
  });
});
