import type { Deployment, KubeObject, Pod, PodSpec } from '@timonel/sdk/kube';

/** As common as pods are: two requests, a port, a variable. */
const specOf = (version: string): PodSpec => ({
  containers: [
    {
      name: 'main',
      image: `registry.example/web:${version}`,
      ports: [{ containerPort: 80 }],
      env: [{ name: 'MODE', value: 'bench' }],
      resources: { requests: { cpu: '10m', memory: '16Mi' } },
    },
  ],
});

export const podOf = (namespace: string, name: string): Pod => ({
  metadata: { namespace, name, labels: { app: name } },
  spec: specOf('1'),
});

export function deploymentOf(namespace: string, name: string, replicas: number): Deployment {
  const labels = { app: name };
  return {
    metadata: { namespace, name, labels },
    spec: {
      replicas,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: specOf('1') },
    },
  };
}

/** A patch to the next version. */
export const versionOf = (version: string): unknown => ({ spec: { template: { spec: specOf(version) } } });

export const namespaceOf = (name: string): KubeObject => ({ metadata: { name } });

/** Whether all its pods are of its template and available. */
export function isRolledOut({ metadata, spec, status }: Deployment): boolean {
  const { replicas = 1 } = spec;
  const counts = [status?.replicas ?? 0, status?.updatedReplicas ?? 0, status?.availableReplicas ?? 0];
  return (status?.observedGeneration ?? 0) >= (metadata.generation ?? 1) && counts.every((count) => count === replicas);
}
