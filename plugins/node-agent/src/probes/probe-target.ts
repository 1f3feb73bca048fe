/** What all kinds of probes share. */
import type { ContainerRuntime } from '@timonel/sdk/contracts/runtime';
import type { Container } from '@timonel/sdk/kube';

export interface ProbeTarget {
  readonly container: Container;
  readonly containerId: string;
  readonly address: string;
  readonly runtime: ContainerRuntime;
}

export interface Attempt {
  readonly target: ProbeTarget;
  readonly limitMs: number;
  /** Aborted when the time is over, and in any case at the end of the try. */
  readonly signal: AbortSignal;
}

export interface ProbeResult {
  /** `warning`: success, with a word about it. `error`: the probe itself could not be run; it says nothing of the container. */
  readonly outcome: 'success' | 'warning' | 'failure' | 'error';
  readonly message: string;
}

export const success: ProbeResult = Object.freeze({ outcome: 'success', message: '' });

export const failure = (message: string): ProbeResult => ({ outcome: 'failure', message });

/** A port by number, or by the name it has in the container. */
export function portOf(port: number | string, container: Container): number {
  if (typeof port === 'number') return port;
  if (/^\d+$/.test(port)) return Number(port);
  const named = container.ports?.find((entry) => entry.name === port)?.containerPort;
  if (named === undefined) throw new Error(`container ${container.name} has no port named "${port}"`);
  return named;
}

/** `host:port`, as it stands in URLs. */
export function authority(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** As Go prints durations of less than an hour: `1s`, `1m30s`, `500ms`. */
export function goDuration(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const minutes = Math.floor(ms / 60_000);
  return `${minutes === 0 ? '' : `${minutes}m`}${(ms - minutes * 60_000) / 1000}s`;
}

const causes: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ECONNRESET: 'read: connection reset by peer',
};

/** Why a connection failed, in the words that users know from the kubelet. */
export function connectionProblem(error: unknown, address: string): string {
  const { code = '', message = String(error) } = error as { code?: string; message?: string };
  return `dial tcp ${address}: ${causes[code] ?? message}`;
}
