/** What members ask each other beside the Raft messages: the calls, their arguments, and the checks of them. */
import { StoreError } from '@timonel/sdk/contracts/store';
import { z } from 'zod';

const id = z.string().min(1).max(256);
const revision = z.int().min(0);

/** The arguments by method. */
export interface CallPayloads {
  /** To the leader: gives a lease its full time again. */
  readonly keepAlive: { readonly leaseId: number };
  /** To the leader. */
  readonly addLearner: { readonly id: string; readonly name: string; readonly peerUrl: string };
  readonly promote: { readonly id: string };
  readonly remove: { readonly id: string };
  readonly moveLeader: { readonly id?: string | undefined };
  /** To the leader: how far each member is. */
  readonly progress: {};
  /** To any member. */
  readonly status: {};
  readonly hash: { readonly revision: number };
  readonly verify: { readonly revision: number };
}

export type CallMethod = keyof CallPayloads;
export type CallArguments<M extends CallMethod> = CallPayloads[M];

const schemas: { readonly [M in CallMethod]: z.ZodType<CallPayloads[M]> } = {
  keepAlive: z.strictObject({ leaseId: z.int().min(0) }),
  addLearner: z.strictObject({ id, name: z.string().max(256), peerUrl: z.string().min(1).max(512) }),
  promote: z.strictObject({ id }),
  remove: z.strictObject({ id }),
  moveLeader: z.strictObject({ id: id.optional() }),
  progress: z.strictObject({}),
  status: z.strictObject({}),
  hash: z.strictObject({ revision }),
  verify: z.strictObject({ revision }),
};

/** @throws StoreError REFUSED */
export function checkCall(
  method: string,
  payload: unknown,
): { readonly method: CallMethod; readonly payload: unknown } {
  if (!Object.hasOwn(schemas, method)) {
    throw new StoreError('REFUSED', `this member does not know the call ${JSON.stringify(method.slice(0, 60))}`);
  }
  const known = method as CallMethod;
  const parsed = schemas[known].safeParse(payload ?? {});
  if (!parsed.success) throw new StoreError('REFUSED', `the arguments of ${method} are not right`);
  return { method: known, payload: parsed.data };
}
