/** Lines 1 to 5: reads that never go back, fresh reads, reads of a version, stalled watches, pages. */
import { expect } from '@jest/globals';
import type { Answer, TestApiServer } from '../../support/api-server.ts';
import { cm, freshnessTimeoutMs, itemsOf, namesOf, revisionOf, whileUnsteady, type Bed, type Rule } from './bed.ts';

/** Clients do so, too: Retry-After is in the answer. */
async function untilReached(server: TestApiServer, path: string): Promise<Answer> {
  for (let tries = 0; ; tries += 1) {
    const answer = await server.send('GET', path);
    if (answer.status !== 504 || tries === 40) return answer;
  }
}

async function neverBack(bed: Bed): Promise<void> {
  const name = bed.fresh();
  let seen = revisionOf(await bed.create(0, name, { round: '0' }));
  let round = 0;
  await whileUnsteady(bed, async () => {
    for (let turn = 1; turn <= 120; turn += 1) {
      const atLeast = `resourceVersion=${seen}`;
      if (turn % 3 === 0) {
        round = turn;
        seen = revisionOf(await bed.patch(turn, name, { round: String(turn) }));
      } else if (turn % 3 === 1) {
        const got = await untilReached(bed.at(turn), `${cm}/${name}?${atLeast}`);
        expect(got.status).toBe(200);
        expect(got.body.data.round).toBe(String(round));
      } else {
        const listed = await untilReached(bed.at(turn), `${cm}?${atLeast}&resourceVersionMatch=NotOlderThan`);
        expect(revisionOf(listed)).toBeGreaterThanOrEqual(seen);
        expect(itemsOf(listed).find(({ metadata }) => metadata.name === name)?.data).toEqual({ round: String(round) });
        seen = revisionOf(listed);
      }
    }
  });
}

async function zeroNeverBackAtOneServer(bed: Bed): Promise<void> {
  const name = bed.fresh();
  await bed.create(0, name);
  const writer = { done: false };
  await whileUnsteady(bed, async () => {
    const writing = (async () => {
      for (let round = 0; round < 60; round += 1) await bed.patch(round, name, { round: String(round) });
      writer.done = true;
    })();
    let last = { revision: 0, round: -1 };
    while (!writer.done) {
      const answer = await bed.lagging.send('GET', `${cm}?resourceVersion=0`);
      const found = itemsOf(answer).find(({ metadata }) => metadata.name === name);
      const now = { revision: revisionOf(answer), round: Number(found?.data?.['round'] ?? -1) };
      expect(now.revision).toBeGreaterThanOrEqual(last.revision);
      expect(now.round).toBeGreaterThanOrEqual(last.round);
      last = now;
    }
    await writing;
  });
}

/** Several writers; each reads at the next server at once what it has written. */
async function writeAndRead(bed: Bed, rounds: number): Promise<void> {
  const writers = Array.from({ length: 6 }, async (_, writer) => {
    const name = bed.fresh();
    const path = `${cm}/${name}`;
    for (let round = 0; round < rounds; round += 1) {
      const server = bed.at(writer + round + 1);
      const place = writer + round;
      const data = { round: String(round) };
      const written = round % 5 === 0 ? await bed.create(place, name, data) : await bed.patch(place, name, data);
      const only = `${cm}?fieldSelector=metadata.name%3D${name}`;
      const [got, listed] = await Promise.all([server.send('GET', path), server.send('GET', only)]);
      expect(got.body).toEqual(written.body);
      expect(itemsOf(listed)[0]?.metadata.resourceVersion).toBe(written.body.metadata.resourceVersion);
      expect(revisionOf(listed)).toBeGreaterThanOrEqual(revisionOf(written));
      if (round % 5 !== 4) continue;
      expect((await bed.at(place).send('DELETE', path)).status).toBe(200);
      expect((await server.send('GET', path)).status).toBe(404);
    }
  });
  await Promise.all(writers);
}

async function refusedAhead(bed: Bed): Promise<void> {
  bed.laggingStore.stallWatches();
  const name = bed.fresh();
  const version = (await bed.create(0, name)).body.metadata.resourceVersion;
  const list = `${cm}?resourceVersion=${version}`;
  const paths = [`${cm}/${name}?resourceVersion=${version}`, list, `${list}&resourceVersionMatch=NotOlderThan`];
  paths.push(`${list}&resourceVersionMatch=Exact`, `${cm}?resourceVersion=${Number(version) + 1000}`);
  const began = performance.now();
  const answers = await Promise.all(paths.map((path) => bed.lagging.send('GET', path)));
  expect(performance.now() - began).toBeGreaterThanOrEqual(freshnessTimeoutMs - 5);
  for (const { body } of answers) {
    expect(body).toMatchObject({
      code: 504,
      reason: 'Timeout',
      message: expect.stringContaining('Too large resource version'),
      details: { causes: [{ reason: 'ResourceVersionTooLarge' }], retryAfterSeconds: 1 },
    });
  }
}

async function waitsWhenBehind(bed: Bed): Promise<void> {
  bed.laggingStore.stallWatches();
  const name = bed.fresh();
  const version = (await bed.create(0, name)).body.metadata.resourceVersion;
  const reads = [
    bed.lagging.send('GET', `${cm}/${name}?resourceVersion=${version}`),
    bed.lagging.send('GET', `${cm}?resourceVersion=${version}`),
    bed.lagging.send('GET', `${cm}?resourceVersion=${version}&resourceVersionMatch=Exact`),
  ];
  const past = await bed.lagging.send('GET', `${cm}?resourceVersion=0`);
  expect(revisionOf(past)).toBeLessThan(Number(version));
  bed.laggingStore.resumeWatches();
  for (const { status } of await Promise.all(reads)) expect(status).toBe(200);
}

async function exactly(bed: Bed): Promise<void> {
  const name = bed.fresh();
  const version = revisionOf(await bed.create(0, name, { state: 'old' }));
  await bed.patch(1, name, { state: 'new' });
  const only = `fieldSelector=metadata.name%3D${name}&resourceVersion=${version}`;
  const exact = `${cm}?${only}&resourceVersionMatch=Exact`;
  // With a limit and no match it is the same.
  for (const path of [exact, `${cm}?${only}&limit=10`]) {
    for (const server of bed.servers) {
      const answer = await untilReached(server, path);
      expect(itemsOf(answer)[0]?.data).toEqual({ state: 'old' });
      expect(revisionOf(answer)).toBe(version);
    }
  }
  for (const server of bed.servers) {
    const newer = await untilReached(server, `${cm}?${only}&resourceVersionMatch=NotOlderThan`);
    expect(revisionOf(newer)).toBeGreaterThanOrEqual(version);
  }
  await bed.compact(version + 1);
  for (const server of bed.servers) {
    const { body } = await untilReached(server, exact);
    expect(body).toMatchObject({ code: 410, reason: 'Expired' });
    expect(body.message).not.toContain('continue');
    expect(body.metadata.continue).toBeUndefined();
    expect((await untilReached(server, `${cm}/${name}?resourceVersion=${version}`)).body.data).toEqual({
      state: 'new',
    });
  }
}

async function refusedCombinations(bed: Bed): Promise<void> {
  await bed.create(0, bed.fresh());
  await bed.create(0, bed.fresh());
  const first = await bed.at(0).send('GET', `${cm}?limit=1`);
  const token = `limit=1&continue=${first.body.metadata.continue}`;
  const version = revisionOf(first);
  const refused = [
    'resourceVersionMatch=Exact',
    'resourceVersionMatch=NotOlderThan',
    'resourceVersion=0&resourceVersionMatch=Exact',
    `resourceVersion=${version}&resourceVersionMatch=Odd`,
    'resourceVersion=x',
    'resourceVersion=-1',
    `${token}&resourceVersion=${version}`,
    `${token}&resourceVersion=${version}&resourceVersionMatch=Exact`,
    'limit=1&continue=nonsense',
    `watch=1&resourceVersion=${version}&resourceVersionMatch=NotOlderThan`,
    `watch=1&sendInitialEvents=true&resourceVersion=${version}`,
    `watch=1&sendInitialEvents=true&resourceVersion=${version}&resourceVersionMatch=Exact`,
  ];
  for (const query of refused) {
    const { body } = await bed.at(1).send('GET', `${cm}?${query}`);
    expect({ query, ...body }).toMatchObject({ query, code: 400, reason: 'BadRequest' });
  }
  expect((await bed.at(1).send('GET', `${cm}?${token}&resourceVersion=0`)).status).toBe(200);
}

async function stalledIsNotStale(bed: Bed): Promise<void> {
  const gone = bed.fresh();
  await bed.create(0, gone);
  await bed.lagging.send('GET', cm);
  bed.laggingStore.stallWatches();
  const name = bed.fresh();
  const written = await bed.create(0, name, { a: '1' });
  await bed.at(2).send('DELETE', `${cm}/${gone}`);
  const watched = bed.lagging.send('GET', `${cm}?watch=1&timeoutSeconds=1`);
  const [got, missing, listed, page] = await Promise.all([
    bed.lagging.send('GET', `${cm}/${name}`),
    bed.lagging.send('GET', `${cm}/${gone}`),
    bed.lagging.send('GET', cm),
    bed.lagging.send('GET', `${cm}?limit=2`),
  ]);
  expect(got.body.data).toEqual({ a: '1' });
  expect(missing.status).toBe(404);
  expect(namesOf(listed)).toContain(name);
  expect(namesOf(listed)).not.toContain(gone);
  expect(revisionOf(listed)).toBeGreaterThan(revisionOf(written));
  // A watch that begins with the state waits for the fresh one, in vain here.
  expect((await watched).status).toBe(504);
  // The pages of such a list are of one revision, too.
  await bed.create(0, bed.fresh());
  const second = await bed.lagging.send('GET', `${cm}?limit=2&continue=${page.body.metadata.continue}`);
  expect(revisionOf(second)).toBe(revisionOf(page));
}

async function pagesOfOneVersion(bed: Bed): Promise<void> {
  const prefix = bed.fresh();
  const names = Array.from({ length: 7 }, (_, index) => `${prefix}-${index}`);
  for (const [index, name] of names.entries()) await bed.create(index, name, {}, { of: prefix });
  const selector = `labelSelector=of%3D${prefix}&limit=2`;
  const seen: string[] = [];
  const revisions = new Set<number>();
  let token = '';
  for (let page = 0; page === 0 || token !== ''; page += 1) {
    const answer = await bed.at(page).send('GET', `${cm}?${selector}${token === '' ? '' : `&continue=${token}`}`);
    seen.push(...namesOf(answer));
    revisions.add(revisionOf(answer));
    token = answer.body.metadata.continue ?? '';
    // What changes meanwhile is on no page.
    await bed.at(page + 1).send('DELETE', `${cm}/${names[6 - page]}`);
    await bed.create(page + 1, `${prefix}-${page}-late`, {}, { of: prefix });
  }
  expect(seen).toEqual(names);
  expect(revisions.size).toBe(1);
}

async function pagesAfterCompaction(bed: Bed): Promise<void> {
  const prefix = bed.fresh();
  const names = Array.from({ length: 6 }, (_, index) => `${prefix}-${index}`);
  for (const [index, name] of names.entries()) await bed.create(index, name, {}, { of: prefix });
  const selector = `labelSelector=of%3D${prefix}&limit=2`;
  const first = await bed.at(0).send('GET', `${cm}?${selector}`);
  await bed.at(1).send('DELETE', `${cm}/${prefix}-3`);
  const late = await bed.create(1, `${prefix}-9`, {}, { of: prefix });
  await bed.compact(revisionOf(late));
  for (const [index, server] of bed.servers.entries()) {
    const gone = await server.send('GET', `${cm}?${selector}&continue=${first.body.metadata.continue}`);
    expect(gone.body).toMatchObject({ code: 410, reason: 'Expired', message: expect.stringContaining('inconsistent') });
    // The rest as it is now, at any server; from there on all pages are of one version again.
    const rest: string[] = [];
    const revisions = new Set<number>();
    for (let token = gone.body.metadata.continue, page = 1; token; page += 1) {
      const answer = await bed.at(index + page).send('GET', `${cm}?${selector}&continue=${token}`);
      expect(answer.status).toBe(200);
      rest.push(...namesOf(answer));
      revisions.add(revisionOf(answer));
      token = answer.body.metadata.continue;
      await bed.create(page, bed.fresh());
    }
    expect(rest).toEqual([2, 4, 5, 9].map((number) => `${prefix}-${number}`));
    expect(revisions.size).toBe(1);
    expect([...revisions][0]).toBeGreaterThanOrEqual(revisionOf(late));
  }
}

export const readRules: readonly Rule[] = [
  {
    line: 1,
    rule: 'a client that asks for what it has seen or newer never goes back, at any server',
    check: neverBack,
  },
  { line: 1, rule: 'resourceVersion=0 never goes back at one server', check: zeroNeverBackAtOneServer },
  {
    line: 2,
    rule: 'what one server acknowledged the next shows at once, under load',
    check: (bed) => writeAndRead(bed, 20),
  },
  {
    line: 2,
    rule: 'the same while the watch of one is stalled, from the store itself',
    check: (bed) => {
      bed.laggingStore.stallWatches();
      return writeAndRead(bed, 5);
    },
  },
  {
    line: 2,
    rule: 'the same while the watch of one stalls, goes on and breaks',
    check: (bed) => whileUnsteady(bed, () => writeAndRead(bed, 10)),
  },
  { line: 3, rule: 'a version ahead of the server is refused as too large, after a wait', check: refusedAhead },
  { line: 3, rule: 'a version ahead of the server is waited for; 0 shows what is there', check: waitsWhenBehind },
  { line: 3, rule: 'Exact and limit show precisely that state, 410 once it is compacted away', check: exactly },
  { line: 3, rule: 'combinations without a meaning are refused with 400', check: refusedCombinations },
  { line: 4, rule: 'a stalled watch never makes a read stale', check: stalledIsNotStale },
  { line: 5, rule: 'all pages are of one version, from whichever server', check: pagesOfOneVersion },
  {
    line: 5,
    rule: 'after a compaction 410 with a token that goes on at the newest state',
    check: pagesAfterCompaction,
  },
];
