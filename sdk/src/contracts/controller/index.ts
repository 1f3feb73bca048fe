/** What a controller shows of itself. */
import { defineService, type ServiceToken } from '../../kernel/index.ts';

export interface ControllerStatus {
  readonly name: string;
  /** Keys waiting, being worked on, and waiting for their back-off to end. */
  readonly queued: number;
  readonly processing: number;
  readonly delayed: number;
  readonly reconciles: number;
  readonly errors: number;
  /** The caches have seen a full list. */
  readonly synced: boolean;
  /** It works here; false: another control plane leads, and this one stands by with warm caches. */
  readonly leading: boolean;
}

export interface Controller {
  status(): ControllerStatus;
}

/** Token of the controllers. */
export const controller: ServiceToken<Controller, 'many'> = defineService<Controller, 'many'>('controller', {
  major: 1,
  cardinality: 'many',
  sync: ['status'],
});
