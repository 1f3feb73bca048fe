/** Routes to the members of a replicated store. */
import type { OptionalRef } from '@timonel/sdk';
import { parseRouteBody, type Route, type RouteRequest } from '@timonel/sdk/contracts/api-server';
import type { MemberStatus, Store, StoreAdmin } from '@timonel/sdk/contracts/store';
import { ApiError } from '@timonel/sdk/kube';
import { z } from 'zod';
import { apiVersion, answer, group, route } from './route.ts';
import { busy } from './store-failure.ts';

export interface StoreServices {
  readonly store: Store;
  readonly admin: OptionalRef<StoreAdmin>;
}

const name = z
  .string()
  .max(128)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:-]*$/,
    'must begin with a letter or digit, and have only these, ".", "_", ":" and "-"',
  );
const peerUrl = z
  .string()
  .max(300)
  .regex(/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):[1-9]\d{0,4}$/, 'must be HOST:PORT, as 10.0.0.2:2380')
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535, 'has a port above 65535');
const addBody = z.strictObject({ id: name, name, peerUrl });
const leaderBody = z.strictObject({ memberId: z.string().min(1).max(256).optional() });

function memberObject(member: MemberStatus): unknown {
  return { kind: 'Member', apiVersion, metadata: { name: member.id }, ...member };
}

/** @throws ApiError MethodNotAllowed when the store has no members of its own */
async function adminOf({ store, admin }: StoreServices): Promise<StoreAdmin> {
  if (admin.current !== undefined) return admin.current;
  const { implementation } = await store.status();
  throw new ApiError(
    'MethodNotAllowed',
    `the store of this cluster is ${implementation}, which has no members to look after here: only store-raft does`,
    { group, kind: 'members' },
  );
}

/** Does something about a member. What is refused because there is no such member is NotFound. */
async function onMember(services: StoreServices, id: string, work: (admin: StoreAdmin) => Promise<void>) {
  const admin = await adminOf(services);
  try {
    await work(admin);
  } catch (error) {
    if (!isRefusal(error) || (await isMember(services.store, id))) throw error;
    throw new ApiError('NotFound', `members.${group} "${id}" not found`, { name: id, group, kind: 'members' });
  }
  return answer({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details: { name: id, group } });
}

function isRefusal(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'REFUSED';
}

async function isMember(store: Store, id: string): Promise<boolean> {
  await store.barrier();
  const { members } = await store.status();
  return members.some((member) => member.id === id);
}

function idOf({ params }: RouteRequest): string {
  return params['id'] ?? '';
}

export function memberRoutes(services: StoreServices): readonly Route[] {
  let checking = false;
  return [
    route('GET', '/members', async () => {
      const members = await (await adminOf(services)).members();
      return answer({ kind: 'MemberList', apiVersion, metadata: {}, items: members.map(memberObject) });
    }),
    route('POST', '/members', async ({ body }) => {
      const admin = await adminOf(services);
      const member = parseRouteBody(addBody, body);
      await admin.addLearner(member);
      const { id, name: memberName, peerUrl: url } = member;
      const object = { kind: 'Member', apiVersion, metadata: { name: id }, id, name: memberName, peerUrls: [url] };
      return answer({ ...object, learner: true }, 201);
    }),
    route('POST', '/members/:id/promote', (request) => {
      const id = idOf(request);
      return onMember(services, id, (admin) => admin.promote(id));
    }),
    route('DELETE', '/members/:id', (request) => {
      const id = idOf(request);
      return onMember(services, id, (admin) => admin.remove(id));
    }),
    route('POST', '/leader', async ({ body }) => {
      const { memberId } = parseRouteBody(leaderBody, body);
      if (memberId === undefined) await (await adminOf(services)).moveLeader();
      else await onMember(services, memberId, (admin) => admin.moveLeader(memberId));
      const { leaderId, term } = await services.store.status();
      return answer({ kind: 'Leader', apiVersion, metadata: {}, memberId: leaderId, term });
    }),
    route('POST', '/check', async () => {
      const admin = await adminOf(services);
      // It reads all files of all members.
      if (checking) throw busy('the store is being checked already');
      checking = true;
      try {
        return answer({ kind: 'StoreCheck', apiVersion, metadata: {}, ...(await admin.check()) });
      } finally {
        checking = false;
      }
    }),
  ];
}
