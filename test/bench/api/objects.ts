/** What the API benchmark writes and reads. */

export const namespace = 'default';
export const configMapsPath = `/api/v1/namespaces/${namespace}/configmaps`;
export const podsPath = `/api/v1/namespaces/${namespace}/pods`;
export const nodesPath = '/api/v1/nodes';

/** Of objects that are read or patched. */
export const sharedObjects = 64;

/** A ConfigMap of about 1 KiB as the client sends it. */
export function configMap(name: string, at = ''): string {
  const data = { at, text: 'x'.repeat(860) };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, labels: { 'app.kubernetes.io/part-of': 'bench' } },
    data,
  });
}

/** What stands before the time in the data of a ConfigMap, on the wire of a watch too. */
export const atMark = '"at":"';

/** A pod as a controller would make it, about 1.6 KB with what the server adds. */
export function pod(name: string, at: number): string {
  const app = `app-${at % 50}`;
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app } },
    spec: {
      nodeName: `node-${at % 1000}`,
      containers: [
        {
          name: 'main',
          image: 'registry.example.com/team/service:1.27.3',
          resources: { requests: { cpu: '100m', memory: '128Mi' } },
        },
      ],
    },
  });
}

export function node(name: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: { 'kubernetes.io/arch': 'amd64', 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' },
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    spec: { podCIDR: '10.0.0.0/24', podCIDRs: ['10.0.0.0/24'] },
  });
}
