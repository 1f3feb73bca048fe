/** pods/exec and pods/attach: the node of the pod starts the process, or joins the one that runs. */
import type { ConnectionHandler, SessionStreams } from '@timonel/sdk/contracts/api-server';
import { ApiError, type Pod } from '@timonel/sdk/kube';
import { itemsOf, objectOf, textOf } from '../validation/loose.ts';
import { nodeOf, referenceTo } from './node-of-pod.ts';
import { flag } from './query-flag.ts';
import type { SubresourceServices } from './subresources.ts';

const defaultContainer = 'kubectl.kubernetes.io/default-container';

function refuse(message: string): ApiError {
  return new ApiError('BadRequest', message);
}

function namesIn(pod: Pod, field: 'containers' | 'initContainers' | 'ephemeralContainers'): string[] {
  return itemsOf(objectOf(pod.spec)[field]).map((item) => textOf(objectOf(item).name));
}

/** The named one; or what an annotation says; or the first. */
function containerOf(pod: Pod, wanted: string): string {
  const own = namesIn(pod, 'containers');
  const all = [...own, ...namesIn(pod, 'initContainers'), ...namesIn(pod, 'ephemeralContainers')];
  if (wanted !== '') {
    if (all.includes(wanted)) return wanted;
    throw refuse(`container ${wanted} is not valid for pod ${textOf(pod.metadata.name)}`);
  }
  const annotated = textOf(objectOf(pod.metadata.annotations)[defaultContainer]);
  const chosen = all.includes(annotated) ? annotated : own[0];
  if (chosen === undefined) throw refuse(`pod ${textOf(pod.metadata.name)} has no container`);
  return chosen;
}

function streamsOf(query: URLSearchParams, outputs: boolean): SessionStreams {
  const stdin = flag(query, 'stdin');
  const tty = flag(query, 'tty');
  const stdout = flag(query, 'stdout', outputs);
  // A terminal has one output.
  const stderr = flag(query, 'stderr', outputs) && !tty;
  if (!stdin && !stdout && !stderr) throw refuse('you must specify at least 1 of stdin, stdout, stderr');
  return { stdin, stdout, stderr, tty };
}

function commandOf(query: URLSearchParams): string[] {
  const command = query.getAll('command');
  if (command.length === 0 || command[0] === '') throw refuse('you must specify a command: ?command=ls&command=-l');
  return command;
}

export function execHandler(services: SubresourceServices): ConnectionHandler<Pod> {
  return {
    kind: 'PodExecOptions',
    options: (query) => ({
      ...streamsOf(query, false),
      container: query.get('container') ?? '',
      command: commandOf(query),
    }),
    async connect({ query }, access) {
      const streams = streamsOf(query, false);
      const command = commandOf(query);
      const pod = await access.get();
      const container = containerOf(pod, query.get('container') ?? '');
      const node = await nodeOf(services, pod);
      const { stdin, tty } = streams;
      const open = () => node.exec(referenceTo(pod), { container, command, stdin, tty });
      return { kind: 'session', streams, open };
    },
  };
}

export function attachHandler(services: SubresourceServices): ConnectionHandler<Pod> {
  return {
    kind: 'PodAttachOptions',
    options: (query) => ({ ...streamsOf(query, true), container: query.get('container') ?? '' }),
    async connect({ query }, access) {
      const streams = streamsOf(query, true);
      const pod = await access.get();
      const container = containerOf(pod, query.get('container') ?? '');
      const node = await nodeOf(services, pod);
      const { stdin, tty } = streams;
      return { kind: 'session', streams, open: () => node.attach(referenceTo(pod), { container, stdin, tty }) };
    },
  };
}
