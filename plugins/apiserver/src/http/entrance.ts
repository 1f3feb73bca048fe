/** The gate before requests, when a plugin provides one. */
import type { OptionalRef } from '@timonel/sdk';
import type { AccessAttributes, Leave, RequestGate } from '@timonel/sdk/contracts/api-server';
import type { Exchange } from './exchange.ts';

/** Objects of a list that make it as much work as a get of one. Source: Kubernetes' API priority and fairness. */
const objectsPerSeat = 100;
const widthLimit = 10;

export type Gate = OptionalRef<RequestGate>;

export interface Entering {
  readonly attributes: AccessAttributes;
  readonly isLongRunning: boolean;
  /** Those that a list of the kind looks at. */
  readonly objects: number;
}

/** Resolves when the request may be served, with what is to be called after it. @throws ApiError TooManyRequests */
export async function enter(gate: Gate, exchange: Exchange, entering: Entering): Promise<Leave | undefined> {
  const { attributes, isLongRunning, objects } = entering;
  const { req } = exchange;
  const width = attributes.verb === 'list' ? Math.min(widthLimit, Math.max(1, Math.ceil(objects / objectsPerSeat))) : 1;
  const entrance = gate.current?.enter({ attributes, isLongRunning, width, isGone: () => req.socket.destroyed });
  for (const [name, value] of entrance?.headers ?? []) exchange.set(name, value);
  return entrance?.admitted;
}
