import type { PodAttachOptions, PodExecOptions, PodReference } from './index.ts';

function containerPath(root: string, pod: PodReference, container: string, query: URLSearchParams): string {
  const parts = [pod.namespace, pod.name, container].map(encodeURIComponent).join('/');
  query.set('uid', pod.uid);
  return `/${root}/${parts}?${query.toString()}`;
}

function flags(options: { readonly stdin: boolean; readonly tty: boolean }): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of ['stdin', 'tty'] as const) if (options[name]) query.set(name, 'true');
  return query;
}

/** Path of a session in a container on a node's server: a WebSocket of `v5.channel.k8s.io`. */
export function execPath(pod: PodReference, options: PodExecOptions): string {
  const query = flags(options);
  for (const argument of options.command) query.append('command', argument);
  return containerPath('exec', pod, options.container, query);
}

/** Path by which the first process of a container is joined, as {@link execPath}. */
export function attachPath(pod: PodReference, options: PodAttachOptions): string {
  return containerPath('attach', pod, options.container, flags(options));
}

/** Path of a connection into a pod, as {@link execPath}: channel 0 carries its bytes, and both sides tell the end of theirs. */
export function portForwardPath(pod: PodReference, port: number): string {
  const parts = [pod.namespace, pod.name].map(encodeURIComponent).join('/');
  return `/portForward/${parts}?${new URLSearchParams({ uid: pod.uid, port: String(port) }).toString()}`;
}

/** Path of what a node uses: NodeUsage as JSON. */
export const usagePath = '/stats/usage';
