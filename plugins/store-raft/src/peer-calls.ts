/** What members ask each other beside the Raft messages: the calls, their arguments, and the checks of them. */
import { StoreError } from '@timonel/sdk/contracts/store';
import { z } from 'zod';
import { parseAddress } from './transport/address.ts';

/** Ids and names are part of messages that have bounds of their own: see `transport/limits.ts`. */
const idBytes = 128;
const short = z.string().refine((text) => Buffer.byteLength(text) <= idBytes, `must have at most ${idBytes} bytes`);
const id = short.min(1);
const peerUrl = z.string().refine((text) => parseAddress(text) !== undefined, 'must be HOST:PORT');
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
  addLearner: z.strictObject({ id, name: short, peerUrl }),
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
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new StoreError('REFUSED', `${method} was asked for wrongly: ${issue?.path.join('.')} ${issue?.message}`);
  }
  return { method: known, payload: parsed.data };
}
