/** Whoever may write policies can neither stall the server nor make it store what is too large. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import admissionPolicies from '@timonel/plugin-admission-policies';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';
import type { Json } from '../support/crds.ts';
import { applied, MutatingPolicies, patched } from '../support/mutating-policies.ts';

const path = '/api/v1/namespaces/default/configmaps';
let server: TestApiServer;
let policies: MutatingPolicies;

const create = (name: string, more: Json = {}): Promise<Answer> =>
  server.send('POST', `${path}?dryRun=All`, { body: { metadata: { name }, ...more } });

/** `value` and its doubles: the last is 2^count times as long. */
const doubled = (value: string, count: number): Json[] => [
  { name: 'v0', expression: value },
  ...Array.from({ length: count }, (_, index) => ({
    name: `v${index + 1}`,
    expression: `variables.v${index} + variables.v${index}`,
  })),
];

beforeAll(async () => {
  server = await startApiServer({ plugins: [admissionPolicies] });
  policies = new MutatingPolicies(server);
});
afterEach(() => policies.clear());
afterAll(() => server.stop());

describe('a hostile policy', () => {
  const list = `[${Array.from({ length: 100 }, (_, index) => index).join(',')}]`;
  const nested = `${list}.all(a, ${list}.all(b, ${list}.all(c, ${list}.all(d, a + b + c + d >= 0))))`;
  const asText = (expression: string): Json => applied(`Object{ data: {'a': string(${expression})} }`);
  const stopped = 'operation cancelled: actual cost limit exceeded';
  const loopsAll = asText(Array.from({ length: 200 }, (_, index) => `variables.n${index}`).join(' && '));
  const loops = {
    variables: Array.from({ length: 200 }, (_, index) => ({ name: `n${index}`, expression: `${nested} || true` })),
  };

  it.each<[string, Json[], Json, string]>([
    ['nests loops', [asText(nested)], {}, stopped],
    ['doubles a text', [asText('size(variables.v40)')], { variables: doubled("'0123456789'", 40) }, stopped],
    ['doubles a list', [asText('size(variables.v40)')], { variables: doubled('[1, 2, 3]', 40) }, stopped],
    [
      'makes a text too large',
      [asText('variables.v23')],
      { variables: doubled("'a'", 23) },
      'value is too large: more than 3145728 characters',
    ],
    [
      'has a large text in many places',
      [
        applied(
          `Object{ data: {${Array.from({ length: 200 }, (_, index) => `'a${index}': variables.v22`).join(', ')}} }`,
        ),
      ],
      { variables: doubled("'a'", 22) },
      'value is too large: more than 3145728 characters',
    ],
    [
      'adds as much as each may',
      Array.from({ length: 8 }, (_, index) => applied(`Object{ data: {'a${index}': variables.v19} }`)),
      { variables: doubled("'a'", 19) },
      'admission may not make an object larger than 3145728 bytes',
    ],
    [
      'makes a value of many parts',
      [patched("[JSONPatch{ op: 'add', path: '/data', value: {'a': variables.v20} }]")],
      { variables: doubled("[[['a']]]", 20) },
      'value is too large: more than 200000 parts',
    ],
    ['loops in each of its variables', [loopsAll], loops, stopped],
    [
      'compares what contains itself over and over, in each of its variables',
      [asText(Array.from({ length: 60 }, (_, index) => `variables.n${index}`).join(' || '))],
      {
        variables: [
          { name: 'l0', expression: 'dyn([1])' },
          { name: 'm0', expression: 'dyn([1])' },
          ...['l', 'm'].flatMap((letter) =>
            Array.from({ length: 30 }, (_, index) => ({
              name: `${letter}${index + 1}`,
              expression: `dyn([variables.${letter}${index}, variables.${letter}${index}])`,
            })),
          ),
          ...Array.from({ length: 60 }, (_, index) => ({
            name: `n${index}`,
            expression: 'variables.l30 == variables.m30',
          })),
        ],
      },
      stopped,
    ],
    ['has conditions that loop', [asText('1')], { matchConditions: [{ name: 'all', expression: nested }] }, stopped],
  ])('that %s refuses what it is about, and others are served', async (_, mutations, spec, message) => {
    const name = await policies.enforce(mutations, spec);
    const [{ body }, other] = await Promise.all([create('a'), server.send('GET', path)]);
    expect(other.status).toBe(200);
    expect(body).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(body.message).toContain(`policy '${name}' with binding '${name}' denied request: `);
    expect(body.message).toContain(message);
  });

  it('that all together spend what a request may cost let nothing pass, also where they may be left out', async () => {
    const ignored = { failurePolicy: 'Ignore', ...loops };
    for (let made = 0; made < 3; made += 1) await policies.enforce([loopsAll], ignored);
    const last = await policies.enforce([applied("Object{ data: {'a': 'b'} }")], { failurePolicy: 'Ignore' });
    const { body } = await create('a');
    expect(body).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(body.message).not.toContain(last);
    expect(body.message).toContain(stopped);
  });
});
