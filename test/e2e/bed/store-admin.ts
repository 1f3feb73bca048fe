/** The store of a cluster on a bed, as an administrator sees it through any of its masters. */
import type { MemberStatus, StoreCheck } from '@timonel/sdk/contracts/store';
import type { Bed } from './bed.ts';
import { kubectl, type Master } from './cluster.ts';

const root = '/apis/store.timonel.dev/v1';

async function ask(bed: Bed, master: Master, args: readonly string[]): Promise<unknown> {
  const { status, stdout, stderr } = await kubectl(bed, master, args, { input: '{}' });
  if (status !== 0) throw new Error(`kubectl ${args.join(' ')} at ${master.machine.name}: ${stderr}`);
  return JSON.parse(stdout);
}

export async function storeMembers(bed: Bed, master: Master): Promise<readonly MemberStatus[]> {
  const list = (await ask(bed, master, ['get', '--raw', `${root}/members`])) as { items: readonly MemberStatus[] };
  return list.items;
}

export async function removeStoreMember(bed: Bed, master: Master, id: string): Promise<void> {
  await ask(bed, master, ['delete', '--raw', `${root}/members/${id}`]);
}

/** Reads all files of all members, and compares them. */
export async function checkStore(bed: Bed, master: Master): Promise<StoreCheck> {
  return (await ask(bed, master, ['create', '--raw', `${root}/check`, '-f', '-'])) as StoreCheck;
}
