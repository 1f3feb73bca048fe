import type { Probe } from '@timonel/sdk/kube';
import type { Findings } from '../validation/findings.ts';
import { fieldOf, isObject, itemsOf, objectOf, textOf } from '../validation/loose.ts';
import { portNumberProblems, portReferenceProblems } from '../validation/ports.ts';

const handlers = ['exec', 'httpGet', 'tcpSocket', 'grpc'] as const;

function checkPort(port: unknown, path: string, found: Findings): void {
  found.problems(path, port ?? 0, portReferenceProblems(port));
}

function checkHandler(probe: Partial<Probe>, path: string, found: Findings): void {
  const given = handlers.filter((handler) => isObject(fieldOf(probe, handler)));
  if (given.length === 0) found.required(path, 'must specify a handler type');
  for (const extra of given.slice(1)) found.forbidden(`${path}.${extra}`, 'may not specify more than 1 handler type');
  const handler = given[0];
  if (handler === 'exec' && itemsOf(probe.exec?.command).length === 0) found.required(`${path}.exec.command`);
  if (handler === 'tcpSocket') checkPort(probe.tcpSocket?.port, `${path}.tcpSocket.port`, found);
  if (handler === 'grpc') found.problems(`${path}.grpc.port`, probe.grpc?.port, portNumberProblems(probe.grpc?.port));
  if (handler === 'httpGet') {
    const get = objectOf(probe.httpGet);
    if (textOf(get.path) === '') found.required(`${path}.httpGet.path`);
    checkPort(get.port, `${path}.httpGet.port`, found);
    found.oneOf(`${path}.httpGet.scheme`, get.scheme, ['HTTP', 'HTTPS'], 'required');
  }
}

export function checkProbe(
  value: Probe | undefined,
  path: string,
  found: Findings,
  purpose: 'liveness' | 'readiness' | 'startup',
): void {
  if (!isObject(value)) return;
  const probe = objectOf<Probe>(value);
  checkHandler(probe, path, found);
  found.nonNegative(`${path}.initialDelaySeconds`, probe.initialDelaySeconds);
  found.nonNegative(`${path}.timeoutSeconds`, probe.timeoutSeconds);
  found.nonNegative(`${path}.periodSeconds`, probe.periodSeconds);
  found.nonNegative(`${path}.successThreshold`, probe.successThreshold);
  found.nonNegative(`${path}.failureThreshold`, probe.failureThreshold);
  const grace = probe.terminationGracePeriodSeconds;
  if (purpose === 'readiness') {
    if (grace !== undefined)
      found.invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must not be set for readinessProbes');
    return;
  }
  if (typeof grace === 'number' && grace <= 0)
    found.invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0');
  if (typeof probe.successThreshold === 'number' && probe.successThreshold !== 1)
    found.invalid(`${path}.successThreshold`, probe.successThreshold, 'must be 1');
}
