/** Webhooks that attack the server which asks them: with patches that grow, words without end, things that are not theirs. */
import { describe, expect, it } from '@jest/globals';
import { configMapRule, configMaps, deny, patch, respond, webhookBed, type Review } from '../support/webhook-bed.ts';
import type { WebhookServer } from '../support/webhook-server.ts';

type Json = Record<string, unknown>;
const bed = webhookBed();
const { send, configure } = bed;
const many = <T>(length: number, make: (index: number) => T): T[] => Array.from({ length }, (_, index) => make(index));
const answerLimit = 3_500_000;

/** What becomes of a new config map; its answer is never long, and others are answered afterwards. */
async function create(more: Json = {}): ReturnType<typeof send> {
  const answer = await send('POST', configMaps, { metadata: { generateName: 'attacked-' }, data: { a: '1' }, ...more });
  expect(answer.text.length).toBeLessThan(answerLimit);
  expect((await send('GET', '/api/v1/namespaces/default')).status).toBe(200);
  return answer;
}

const patchOf = (review: Review, text: string): Json =>
  respond(review, { patchType: 'JSONPatch', patch: Buffer.from(text).toString('base64') });
const nested = (depth: number): string =>
  `[{"op":"add","path":"/data/x","value":${'['.repeat(depth)}${']'.repeat(depth)}}]`;
const doubling = (review: Review): Json =>
  patch(
    review,
    { op: 'add', path: '/data/x0', value: 'x'.repeat(100_000) },
    ...many(40, (index) => ({ op: 'copy', from: '/data', path: `/metadata/annotations/x${index}` })),
    ...many(40, (index) => ({ op: 'copy', from: '/metadata', path: `/data/y${index}` })),
  );

const patches: readonly (readonly [string, (review: Review) => Json])[] = [
  ['copies itself over and over', doubling],
  [
    'makes an object larger than any may be',
    (review) =>
      patch(review, ...many(80, (index) => ({ op: 'add', path: `/data/x${index}`, value: 'x'.repeat(50_000) }))),
  ],
  ['is nested without end', (review) => patchOf(review, nested(200_000))],
  ['is no list', (review) => patchOf(review, '{"a":1}')],
  ['reaches for the prototype', (review) => patch(review, { op: 'add', path: '/__proto__/polluted', value: 'yes' })],
  ['takes the metadata away', (review) => patch(review, { op: 'remove', path: '/metadata' })],
  ['replaces all of it', (review) => patch(review, { op: 'replace', path: '', value: [] })],
  ['changes the uid', (review) => patch(review, { op: 'add', path: '/metadata/uid', value: 'x' })],
  [
    'changes the namespace',
    (review) => patch(review, { op: 'replace', path: '/metadata/namespace', value: 'kube-system' }),
  ],
  ['changes the kind', (review) => patch(review, { op: 'replace', path: '/kind', value: 'Secret' })],
];

describe('a hostile webhook', () => {
  it.each(patches)('whose patch %s changes nothing, and the request fails', async (_what, answer) => {
    await configure('mutating', {});
    bed.webhook.answer = (body) => answer(body as Review);
    const { status, body } = await create();
    expect(status).toBeGreaterThanOrEqual(400);
    expect(body.message).toMatch(/webhook|admission/);
    expect(({} as Json)['polluted']).toBeUndefined();
  });

  it.each([
    ['resourceVersion', '1'],
    ['creationTimestamp', '2000-01-01T00:00:00Z'],
    ['deletionTimestamp', '2000-01-01T00:00:00Z'],
    ['managedFields', []],
    ['generation', 99],
  ])('does not change %s', async (field, value) => {
    await configure('mutating', {});
    bed.webhook.answer = (body) => patch(body as Review, { op: 'add', path: `/metadata/${field}`, value });
    const answer = await create();
    if (answer.status === 201) expect(answer.body.metadata[field]).not.toEqual(value);
    else expect(answer.body.message).toContain('admission');
  });

  it('that replaces the status of a pod makes it no running one', async () => {
    await configure('mutating', { rules: [{ ...configMapRule, resources: ['pods'] }] });
    bed.webhook.answer = (body) => patch(body as Review, { op: 'add', path: '/status', value: { phase: 'Running' } });
    const spec = { containers: [{ name: 'c', image: 'x' }] };
    const made = await send('POST', '/api/v1/namespaces/default/pods', { metadata: { name: 'still' }, spec });
    expect(made.body.status.phase).toBe('Pending');
  });

  const wordy: readonly (readonly [string, WebhookServer['answer'], number])[] = [
    [
      'warns without end',
      (body) => respond(body as Review, { warnings: many(10_000, (index) => `${index} ${'w'.repeat(300)}`) }),
      201,
    ],
    [
      'warns in lines and other signs',
      (body) => respond(body as Review, { warnings: ['a\r\nset-cookie: x', '\u0000\u2028“'] }),
      201,
    ],
    ['refuses in ever so many words', (body) => deny(body as Review, 'no'.repeat(4_000_000)), 400],
    [
      'notes ever so much for the audit log',
      (body) =>
        respond(body as Review, {
          auditAnnotations: Object.fromEntries(many(1000, (index) => [`k${index}`, 'v'.repeat(5000)])),
        }),
      201,
    ],
    [
      'refuses with a code and details of its own',
      (body) =>
        respond(body as Review, {
          allowed: false,
          status: { code: 200, details: { retryAfterSeconds: 1e9 }, message: 'x' },
        }),
      400,
    ],
  ];
  it.each(wordy)('that %s is heard within bounds', async (_what, answer, expected) => {
    await configure('validating', {});
    bed.webhook.answer = answer;
    const { status, headers } = await create();
    expect(status).toBe(expected);
    expect(String(headers['warning'] ?? '').length).toBeLessThan(16_000);
    expect(headers['set-cookie']).toBeUndefined();
  });

  it('that is asked by many at once keeps nobody else waiting', async () => {
    await configure('validating', { timeoutSeconds: 2, objectSelector: { matchLabels: { held: 'yes' } } });
    bed.webhook.answer = () => undefined;
    const held = many(100, (index) => create({ metadata: { name: `held-${index}`, labels: { held: 'yes' } } }));
    expect((await create()).status).toBe(201);
    const answers = await Promise.all(held);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([500]));
  }, 30_000);
});
