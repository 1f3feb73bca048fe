/** Lines 9 and 10: writes that lose nothing, and versions that grow. */
import { expect } from '@jest/globals';
import { until } from '@timonel/testkit';
import { cm, eventsOf, itemsOf, merge, revisionOf, whileUnsteady, type Bed, type Rule } from './bed.ts';

async function staleIsRefused(bed: Bed): Promise<void> {
  const name = bed.fresh();
  const path = `${cm}/${name}`;
  const old = (await bed.create(0, name, { a: 'old' })).body;
  await bed.lagging.send('GET', path);
  bed.laggingStore.stallWatches();
  const now = (await bed.patch(0, name, { a: 'new' })).body;
  const stale = { resourceVersion: old.metadata.resourceVersion };
  for (const server of bed.servers) {
    const put = await server.send('PUT', path, { body: { ...old, data: { a: 'lost' } } });
    expect(put.body).toMatchObject({ code: 409, reason: 'Conflict' });
    const body = { metadata: stale, data: { a: 'lost' } };
    expect((await server.send('PATCH', path, { type: merge, body })).status).toBe(409);
  }
  expect((await bed.at(2).send('GET', path)).body).toEqual(now);
  // The current version is taken by the server that has not seen it yet.
  const taken = await bed.lagging.send('PUT', path, { body: { ...now, data: { a: 'newer' } } });
  expect(taken.status).toBe(200);
  expect(revisionOf(taken)).toBeGreaterThan(Number(now.metadata.resourceVersion));
}

async function overwrites(bed: Bed): Promise<void> {
  const name = bed.fresh();
  const path = `${cm}/${name}`;
  const old = (await bed.create(0, name, { a: 'old' })).body;
  await bed.lagging.send('GET', path);
  bed.laggingStore.stallWatches();
  await bed.patch(0, name, { a: 'new' });
  const { resourceVersion: _, ...metadata } = old.metadata;
  const replaced = await bed.lagging.send('PUT', path, { body: { ...old, metadata, data: { b: 'newest' } } });
  expect(replaced.status).toBe(200);
  expect((await bed.at(0).send('GET', path)).body.data).toEqual({ b: 'newest' });
}

async function oneCreateWins(bed: Bed): Promise<void> {
  await whileUnsteady(bed, async () => {
    for (let round = 0; round < 20; round += 1) {
      const name = bed.fresh();
      const answers = await Promise.all([0, 1, 2].map((index) => bed.create(index, name, { by: String(index) })));
      const statuses = answers.map(({ status }) => status);
      expect([...statuses].sort((a, b) => a - b)).toEqual([201, 409, 409]);
      for (const { body, status } of answers) if (status === 409) expect(body.reason).toBe('AlreadyExists');
      const got = await bed.at(round).send('GET', `${cm}/${name}`);
      expect(got.body.data.by).toBe(String(statuses.indexOf(201)));
    }
  });
}

async function deletePreconditions(bed: Bed): Promise<void> {
  const name = bed.fresh();
  const path = `${cm}/${name}`;
  const first = (await bed.create(0, name)).body.metadata;
  await bed.at(0).send('DELETE', path);
  const old = (await bed.create(0, name)).body.metadata;
  await bed.lagging.send('GET', path);
  bed.laggingStore.stallWatches();
  const now = (await bed.patch(0, name, { a: 'new' })).body.metadata;
  const wrong: object[] = [{ uid: first.uid }, { resourceVersion: old.resourceVersion }];
  wrong.push({ uid: first.uid, resourceVersion: now.resourceVersion });
  for (const server of bed.servers) {
    for (const preconditions of wrong) {
      const refused = await server.send('DELETE', path, { body: { preconditions } });
      expect(refused.body).toMatchObject({ code: 409, reason: 'Conflict' });
    }
  }
  expect((await bed.at(2).send('GET', path)).body.metadata).toEqual(now);
  const preconditions = { uid: now.uid, resourceVersion: now.resourceVersion };
  expect((await bed.lagging.send('DELETE', path, { body: { preconditions } })).status).toBe(200);
  expect((await bed.at(0).send('GET', path)).status).toBe(404);
}

async function patchersLoseNothing(bed: Bed): Promise<void> {
  const name = bed.fresh();
  await bed.create(0, name);
  await whileUnsteady(bed, async () => {
    const patchers = Array.from({ length: 9 }, async (_, patcher) => {
      for (let round = 0; round < 8; round += 1) {
        const patch = (): Promise<boolean> =>
          bed.patch(patcher + round, name, { [`p${patcher}-${round}`]: 'x' }).then(({ status }) => status === 200);
        await until(patch, { what: 'a patch', intervalMs: 1 });
      }
    });
    await Promise.all(patchers);
  });
  expect(Object.keys((await bed.at(0).send('GET', `${cm}/${name}`)).body.data)).toHaveLength(72);
}

async function countersCountRight(bed: Bed): Promise<void> {
  const name = bed.fresh();
  await bed.create(0, name, { count: '0' });
  const path = `${cm}/${name}`;
  const add = async (index: number): Promise<boolean> => {
    const { body } = await bed.at(index).send('GET', path);
    body.data.count = String(Number(body.data.count) + 1);
    return (await bed.at(index + 1).send('PUT', path, { body })).status === 200;
  };
  const adders = Array.from({ length: 5 }, async (_, adder) => {
    for (let round = 0; round < 8; round += 1) {
      await until(() => add(adder + round), { what: 'an addition', intervalMs: 1, timeoutMs: 25_000 });
    }
  });
  await Promise.all(adders);
  expect((await bed.at(2).send('GET', path)).body.data.count).toBe('40');
}

async function noChangeNoEvent(bed: Bed): Promise<void> {
  const name = bed.fresh();
  const path = `${cm}/${name}`;
  const made = (await bed.create(0, name, { a: '1' })).body;
  const { resourceVersion } = made.metadata;
  const watches = bed.servers.map((server) => server.watch(`${cm}?watch=1&resourceVersion=${resourceVersion}`));
  try {
    const before = await bed.revision();
    for (const server of bed.servers) {
      const body = { data: { a: '1' } };
      const patched = await server.send('PATCH', path, { type: merge, body });
      const put = await server.send('PUT', path, { body: made });
      const dry = await server.send('PATCH', `${path}?dryRun=All`, { type: merge, body: { data: { a: '2' } } });
      for (const answer of [patched, put, dry]) expect(answer.body.metadata.resourceVersion).toBe(resourceVersion);
    }
    expect(await bed.revision()).toBe(before);
    const marker = bed.fresh();
    await bed.create(1, marker);
    for (const watch of watches) {
      await until(() => eventsOf(watch, marker).length > 0, { what: 'the marker' });
      expect(eventsOf(watch, name)).toEqual([]);
    }
  } finally {
    for (const watch of watches) watch.stop();
  }
}

/** What changes nothing of what the server has seen may well change what is stored. */
async function noChangeOfThePast(bed: Bed): Promise<void> {
  const name = bed.fresh();
  await bed.create(0, name, { a: '1' });
  await bed.lagging.send('GET', `${cm}/${name}`);
  bed.laggingStore.stallWatches();
  const second = await bed.patch(2, name, { a: '2' });
  const back = await bed.lagging.send('PATCH', `${cm}/${name}`, { type: merge, body: { data: { a: '1' } } });
  expect(revisionOf(back)).toBeGreaterThan(revisionOf(second));
  expect((await bed.at(0).send('GET', `${cm}/${name}`)).body.data).toEqual({ a: '1' });
}

/** Objects that came or went behind the back of the server that lags. */
async function unseenObjects(bed: Bed): Promise<void> {
  const [there, gone] = [bed.fresh(), bed.fresh()];
  await bed.create(0, gone);
  await bed.lagging.send('GET', `${cm}/${gone}`);
  bed.laggingStore.stallWatches();
  await bed.create(0, there);
  await bed.at(2).send('DELETE', `${cm}/${gone}`);
  const send = (name: string, method: string, body?: unknown): Promise<number> =>
    bed.lagging.send(method, `${cm}/${name}`, { body, type: merge }).then(({ status }) => status);
  expect(await send(gone, 'PATCH', { data: { a: '1' } })).toBe(404);
  expect(await send(gone, 'DELETE')).toBe(404);
  expect((await bed.create(1, gone)).status).toBe(201);
  expect((await bed.create(1, there)).status).toBe(409);
  expect(await send(there, 'PATCH', { data: { a: '1' } })).toBe(200);
  expect(await send(there, 'DELETE')).toBe(200);
}

async function versionsGrow(bed: Bed): Promise<void> {
  const name = bed.fresh();
  const uids = new Set<string>();
  let last = 0;
  await whileUnsteady(bed, async () => {
    for (let round = 0; round < 9; round += 1) {
      const made = await bed.create(round, name);
      uids.add(made.body.metadata.uid);
      expect(revisionOf(made)).toBeGreaterThan(last);
      const changed = await bed.patch(round + 1, name, { round: String(round) });
      expect(changed.body.metadata.uid).toBe(made.body.metadata.uid);
      expect(revisionOf(changed)).toBeGreaterThan(revisionOf(made));
      last = revisionOf(changed);
      for (const query of ['', '?resourceVersion=0', '?limit=3']) {
        const listed = await bed.at(round + 2).send('GET', `${cm}${query}`);
        const versions = itemsOf(listed).map(({ metadata }) => Number(metadata.resourceVersion));
        expect(revisionOf(listed)).toBeGreaterThanOrEqual(Math.max(0, ...versions));
      }
      expect((await bed.at(round + 2).send('DELETE', `${cm}/${name}`)).status).toBe(200);
    }
  });
  expect(uids.size).toBe(9);
}

export const writeRules: readonly Rule[] = [
  {
    line: 9,
    rule: 'a stale version is refused with 409 and changes nothing, the current one is taken',
    check: staleIsRefused,
  },
  { line: 9, rule: 'an update without a version overwrites', check: overwrites },
  { line: 9, rule: 'one of several creates of a name wins', check: oneCreateWins },
  { line: 9, rule: 'preconditions of a deletion hold, uid and resourceVersion', check: deletePreconditions },
  { line: 9, rule: 'concurrent patchers lose no update', check: patchersLoseNothing },
  { line: 9, rule: 'who reads, adds and writes with the version read counts right', check: countersCountRight },
  { line: 9, rule: 'what changes nothing raises no version and makes no event', check: noChangeNoEvent },
  { line: 9, rule: 'what changes nothing of a past state is written all the same', check: noChangeOfThePast },
  { line: 9, rule: 'objects that came or went unseen are there or not all the same', check: unseenObjects },
  {
    line: 10,
    rule: 'versions grow, a new object of a name has a new uid, a list is as new as its items',
    check: versionsGrow,
  },
];
