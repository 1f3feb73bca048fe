/** One try of a probe: exec, httpGet or tcpSocket. Never throws: every fault is a failed try with its reason. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { errorMessage, type Env } from '@timonel/sdk';
import type { ContainerRuntime } from '@timonel/sdk/contracts/runtime';
import type { Container, Probe } from '@timonel/sdk/kube';
import { timeoutMs } from './probe-state.ts';

export interface ProbeTarget {
  readonly container: Container;
  readonly containerId: string;
  readonly address: string;
  readonly runtime: ContainerRuntime;
}

export interface ProbeResult {
  readonly success: boolean;
  readonly message: string;
}

const outputLimitBytes = 10 * 1024;

export function runProbe(probe: Probe, target: () => ProbeTarget, env: Env): Promise<ProbeResult> {
  return runAction(probe, target, timeoutMs(probe), env);
}

/** The action of a probe or of a lifecycle hook. */
export async function runAction(
  action: Probe,
  target: () => ProbeTarget,
  limit: number,
  env: Env,
): Promise<ProbeResult> {
  const abort = new AbortController();
  const timer = env.timers.after(limit, () => abort.abort());
  try {
    return await tryOnce(action, target(), abort.signal);
  } catch (error) {
    const message = abort.signal.aborted ? `timed out after ${limit} ms` : errorMessage(error);
    return { success: false, message };
  } finally {
    timer.cancel();
    abort.abort();
  }
}

function tryOnce(probe: Probe, target: ProbeTarget, signal: AbortSignal): Promise<ProbeResult> {
  if (probe.exec !== undefined) return execProbe(probe.exec.command ?? [], target, signal);
  if (probe.httpGet !== undefined) return httpProbe(probe.httpGet, target, signal);
  if (probe.tcpSocket !== undefined) return tcpProbe(probe.tcpSocket, target, signal);
  throw new Error(
    probe.grpc === undefined
      ? 'the probe has no action: give exec, httpGet or tcpSocket'
      : 'gRPC probes are not supported by this node: use exec, httpGet or tcpSocket',
  );
}

async function execProbe(command: readonly string[], target: ProbeTarget, signal: AbortSignal): Promise<ProbeResult> {
  const session = await target.runtime.exec(target.containerId, { command, tty: false, stdin: false });
  let output = '';
  const take = (chunk: unknown): void => {
    if (output.length < outputLimitBytes) output += String(chunk);
  };
  session.stdout.on('data', take);
  session.stderr?.on('data', take);
  const kill = (): void => session.kill();
  signal.addEventListener('abort', kill);
  if (signal.aborted) kill();
  const exitCode = await session.exited;
  signal.removeEventListener('abort', kill);
  if (signal.aborted) throw new Error('timed out');
  return { success: exitCode === 0, message: output.slice(0, outputLimitBytes) };
}

/** A port by number, or by the name it has in the container. */
function portOf(port: number | string, container: Container): number {
  if (typeof port === 'number') return port;
  if (/^\d+$/.test(port)) return Number(port);
  const named = container.ports?.find((entry) => entry.name === port)?.containerPort;
  if (named === undefined) throw new Error(`container ${container.name} has no port named "${port}"`);
  return named;
}

/** 200 to 399 is healthy. Certificates are not checked, redirects not followed. */
function httpProbe(get: NonNullable<Probe['httpGet']>, target: ProbeTarget, signal: AbortSignal): Promise<ProbeResult> {
  const secure = get.scheme?.toUpperCase() === 'HTTPS';
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/1.35', accept: '*/*', connection: 'close' };
  for (const { name, value } of get.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  const path = get.path ?? '/';
  const options = {
    host: get.host === undefined || get.host === '' ? target.address : get.host,
    port: portOf(get.port, target.container),
    path: path.startsWith('/') ? path : `/${path}`,
    headers,
    signal,
    agent: false as const,
  };
  return new Promise((resolve, reject) => {
    const request = secure ? httpsRequest({ ...options, rejectUnauthorized: false }) : httpRequest(options);
    request.once('error', reject);
    request.once('response', (response) => {
      response.on('error', () => undefined);
      response.resume();
      const status = response.statusCode ?? 0;
      const success = status >= 200 && status < 400;
      resolve({ success, message: success ? '' : `HTTP probe failed with statuscode: ${status}` });
      response.destroy();
    });
    request.end();
  });
}

function tcpProbe(
  socket: NonNullable<Probe['tcpSocket']>,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const host = socket.host === undefined || socket.host === '' ? target.address : socket.host;
  const port = portOf(socket.port, target.container);
  return new Promise((resolve, reject) => {
    const connection = connect({ host, port });
    const end = (): void => {
      connection.destroy();
      reject(new Error('timed out'));
    };
    signal.addEventListener('abort', end, { once: true });
    connection.once('error', reject);
    connection.once('connect', () => {
      signal.removeEventListener('abort', end);
      connection.destroy();
      resolve({ success: true, message: '' });
    });
  });
}
