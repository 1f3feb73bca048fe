/** The cheapest pod that has a bit of everything, and the marks its containers leave. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '@timonel/sdk/kube';

export const image = 'timonel.local/fault:1';
const serving = 'echo app >> /mark/app; trap "exit 0" TERM; while :; do sleep 1000 & wait $!; done';

export function podNamed(name: string, nodeName: string, marks: string): Pod {
  mkdirSync(join(marks, name), { recursive: true });
  const volumeMounts = [{ name: 'mark', mountPath: '/mark' }];
  const shell = (text: string): string[] => ['/bin/sh', '-c', text];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName,
      terminationGracePeriodSeconds: 2,
      automountServiceAccountToken: false,
      volumes: [
        { name: 'mark', hostPath: { path: join(marks, name) } },
        { name: 'room', emptyDir: {} },
        { name: 'settings', configMap: { name: 'settings' } },
      ],
      initContainers: [{ name: `${name}-init`, image, command: shell('echo init >> /mark/init'), volumeMounts }],
      containers: [
        {
          name: `${name}-app`,
          image,
          command: shell(serving),
          lifecycle: { preStop: { exec: { command: shell('echo stop >> /mark/stop') } } },
          volumeMounts: [
            ...volumeMounts,
            { name: 'room', mountPath: '/room' },
            { name: 'settings', mountPath: '/settings' },
          ],
        },
      ],
    },
  };
}

/** Runs to its end at once. */
export function shortPod(name: string, nodeName: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName,
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      volumes: [{ name: 'room', emptyDir: {} }],
      containers: [
        { name: 'app', image, command: ['/bin/true'], volumeMounts: [{ name: 'room', mountPath: '/room' }] },
      ],
    },
  };
}

/** How often each of the pod's containers and hooks began. */
export function marksOf(name: string, marks: string): Record<'init' | 'app' | 'stop', number> {
  const count = (file: string): number => {
    try {
      return readFileSync(join(marks, name, file), 'utf8').split('\n').length - 1;
    } catch {
      return 0;
    }
  };
  return { init: count('init'), app: count('app'), stop: count('stop') };
}
