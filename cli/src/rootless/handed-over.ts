/** What the process outside tells the node's own process inside of the namespaces, and back. */

/** At the start, in the environment. */
export interface HandedOver {
  /** The process that users see and stop. */
  readonly hostPid: number;
  /** Through which connections to the outside are made. */
  readonly tunnelSocket: string;
  /** Of the API, where port 0 was asked for. */
  readonly port: number;
}

/** With the first two comes a listening socket of the machine. */
export type ToInner =
  | { readonly kind: 'api' }
  | { readonly kind: 'nodePort'; readonly port: number }
  | { readonly kind: 'stop'; readonly signal: 'SIGINT' | 'SIGTERM' };

export interface ToOuter {
  readonly kind: 'nodePorts';
  readonly ports: readonly number[];
}

const variable = 'TIMONEL_ROOTLESS';

export function environmentOf(handedOver: HandedOver): Readonly<Record<string, string>> {
  return { [variable]: JSON.stringify(handedOver) };
}

/** Undefined: this process is not inside of the namespaces of a rootless node. */
export function handedOver(): HandedOver | undefined {
  const text = process.env[variable];
  if (text === undefined || process.send === undefined) return undefined;
  return JSON.parse(text) as HandedOver;
}
