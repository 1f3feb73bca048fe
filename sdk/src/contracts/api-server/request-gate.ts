/** Where requests wait, or are turned away, when there are too many. */
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { AccessAttributes } from './answers.ts';

export interface GatedRequest {
  readonly attributes: AccessAttributes;
  /** Watches, sessions in pods, logs that are followed: they take no seat. */
  readonly isLongRunning: boolean;
  /** Seats that it takes while it is at work: 1, more for lists of many objects. */
  readonly width: number;
  /** Whether whoever asks has gone away: it need not be let in any more. */
  readonly isGone: () => boolean;
}

/** To be called once, when the request is done. */
export type Leave = () => void;

export interface Entrance {
  /** Headers of the answer. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Undefined: it takes no seat. A promise: it waits. @throws ApiError TooManyRequests */
  readonly admitted: Leave | Promise<Leave> | undefined;
}

export interface RequestGate {
  /** On the way of every request over HTTPS, after authentication and before authorisation. */
  enter(request: GatedRequest): Entrance;
}

/** Token of the gate. Without a provider every request is served at once. */
export const requestGate: ServiceToken<RequestGate, 'one'> = defineService<RequestGate>('request-gate', {
  major: 1,
  cardinality: 'one',
  sync: ['enter'],
});
