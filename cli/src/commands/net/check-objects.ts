/** The objects that a check of the network makes: all of them in one namespace, which goes at the end. */
import { proberScript, serverPort, serverScript, type ProbeOrder } from './probes.ts';

export const namespaceLabel = 'timonel.dev/net-check';
const indexLabel = 'timonel.dev/node-index';
/** Pods end by themselves when nobody removes them any more. */
const lifeSeconds = 300;

interface Meta {
  readonly metadata: { readonly name: string; readonly [more: string]: unknown };
  readonly [more: string]: unknown;
}

export function namespaceObject(name: string): Meta {
  const labels = { [namespaceLabel]: 'true', 'pod-security.kubernetes.io/enforce': 'privileged' };
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

export const serverName = (index: number): string => `server-${index}`;
export const proberName = (index: number, from: 'pod' | 'node'): string => `from-${from}-${index}`;

/** Leads to the pod of one node. */
export function serviceObject(index: number): Meta {
  const ports = [{ port: serverPort, targetPort: serverPort }];
  const spec = { selector: { [indexLabel]: String(index) }, ports };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name: serverName(index) }, spec };
}

function podObject(nodeName: string, metadata: Meta['metadata'], container: object, more: object): Meta {
  const spec = {
    nodeName,
    terminationGracePeriodSeconds: 0,
    activeDeadlineSeconds: lifeSeconds,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    tolerations: [{ operator: 'Exists' }],
    containers: [{ name: 'check', image: 'timonel.local/node:host', ...container }],
    ...more,
  };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec };
}

export function serverObject(index: number, nodeName: string): Meta {
  const metadata = { name: serverName(index), labels: { [indexLabel]: String(index) } };
  const env = [{ name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }];
  const readinessProbe = { tcpSocket: { port: serverPort }, periodSeconds: 1 };
  return podObject(nodeName, metadata, { command: ['node', '-e', serverScript], env, readinessProbe }, {});
}

export function proberObject(index: number, nodeName: string, from: 'pod' | 'node', order: ProbeOrder): Meta {
  const container = {
    command: ['node', '-e', proberScript, JSON.stringify(order)],
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
  const more = { restartPolicy: 'Never', ...(from === 'node' ? { hostNetwork: true } : {}) };
  return podObject(nodeName, { name: proberName(index, from) }, container, more);
}
