/** One try of a probe, or a lifecycle hook. Never throws: every fault is a result with its reason. */
import { errorMessage, type Env } from '@timonel/sdk';
import type { Probe } from '@timonel/sdk/kube';
import { execProbe } from './exec-probe.ts';
import { grpcProbe } from './grpc-probe.ts';
import { httpHook, httpProbe } from './http-probe.ts';
import { timeoutMs } from './probe-state.ts';
import type { Attempt, ProbeResult, ProbeTarget } from './probe-target.ts';
import { tcpProbe } from './tcp-probe.ts';

export function runProbe(probe: Probe, target: () => ProbeTarget, env: Env): Promise<ProbeResult> {
  return within(timeoutMs(probe), env, target, (attempt) => tryOnce(probe, attempt));
}

/** A lifecycle hook. It is told, not asked: what an HTTP server answers does not matter. */
export function runHook(hook: Probe, target: () => ProbeTarget, limitMs: number, env: Env): Promise<ProbeResult> {
  const { httpGet } = hook;
  return within(limitMs, env, target, (attempt) =>
    httpGet === undefined ? tryOnce(hook, attempt) : httpHook(httpGet, attempt),
  );
}

async function within(
  limitMs: number,
  env: Env,
  target: () => ProbeTarget,
  run: (attempt: Attempt) => Promise<ProbeResult>,
): Promise<ProbeResult> {
  const abort = new AbortController();
  const timer = env.timers.after(limitMs, () => abort.abort());
  try {
    return await run({ target: target(), signal: abort.signal, limitMs });
  } catch (error) {
    return { outcome: 'error', message: errorMessage(error) };
  } finally {
    timer.cancel();
    abort.abort();
  }
}

function tryOnce({ exec, httpGet, tcpSocket, grpc }: Probe, attempt: Attempt): Promise<ProbeResult> {
  if (exec !== undefined) return execProbe(exec.command ?? [], attempt);
  if (httpGet !== undefined) return httpProbe(httpGet, attempt);
  if (tcpSocket !== undefined) return tcpProbe(tcpSocket, attempt);
  if (grpc !== undefined) return grpcProbe(grpc, attempt);
  throw new Error('the probe has no action: give exec, httpGet, tcpSocket or grpc');
}
