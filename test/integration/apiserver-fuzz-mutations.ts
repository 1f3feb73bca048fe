/** Changes to valid objects, from which fuzzing makes bodies that are almost right. Deterministic, so that a failure can be made smaller. */
import fc from 'fast-check';

type Container = Record<string, unknown> | unknown[];

/** A number as it is written: JSON.stringify would not write it. */
const rawNumber = '\u0001raw:';

const junk: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  0.5,
  2 ** 31,
  2 ** 53,
  `${rawNumber}1e999`,
  `${rawNumber}-0`,
  `${rawNumber}123456789012345678901234567890`,
  `${rawNumber}0.${'1'.repeat(400)}`,
  '',
  ' ',
  'Ü',
  '\u0000',
  '\ud800',
  '..',
  'a/b/c',
  'x'.repeat(254),
  '-'.repeat(5000),
  '1Gi',
  '999999999999999999999E',
  `1e${'9'.repeat(20)}`,
  '0.0000000000000000001n',
  '101%',
  '-5%',
  '*/0 * * * *',
  '1-999999999 * * * *',
  '0 0 30 2 *',
  '2026-13-45T99:99:99Z',
  '99999-01-01T00:00:00Z',
  '10.0.0.0/33',
  '::/0',
  '256.1.1.1',
  '$(VAR)',
  `(${'a|'.repeat(200)}a)*$`,
  '(a+)+$',
  [],
  {},
  [null],
  [[]],
  [{}],
  { '': '' },
  // As JSON, for this is to be an own member.
  JSON.parse('{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}'),
];

const keys = [
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
  '',
  'name',
  'spec',
  'kind',
  '$patch',
  'metadata',
  'x'.repeat(300),
];

export interface Mutation {
  /** Which place, counted through the whole object. */
  readonly place: number;
  readonly change: 'replace' | 'remove' | 'add' | 'repeat' | 'swap';
  readonly key: string;
  readonly value: unknown;
}

export const mutation: fc.Arbitrary<Mutation> = fc.record({
  place: fc.nat(400),
  change: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'add', 'repeat', 'swap'),
  key: fc.constantFrom(...keys),
  value: fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...junk) }, { weight: 1, arbitrary: fc.jsonValue() }),
});

function setMember(container: Container, key: string | number, value: unknown): void {
  Object.defineProperty(container, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Every member of the object and of what is in it. */
function placesOf(value: unknown, places: [Container, string | number][] = []): [Container, string | number][] {
  if (typeof value !== 'object' || value === null) return places;
  const container = value as Container;
  for (const key of Array.isArray(container) ? container.keys() : Object.keys(container)) {
    places.push([container, key]);
    placesOf(Reflect.get(container, key), places);
  }
  return places;
}

function mutate(object: unknown, { place, change, key, value }: Mutation): void {
  const places = placesOf(object);
  const at = places[place % Math.max(places.length, 1)];
  if (at === undefined) return;
  const [container, member] = at;
  const fresh = structuredClone(value);
  if (change === 'replace') setMember(container, member, fresh);
  else if (change === 'swap') {
    const [from, other] = places[(place * 7) % places.length] ?? at;
    setMember(container, member, structuredClone(Reflect.get(from, other)));
  } else if (Array.isArray(container)) {
    if (change === 'remove') container.splice(Number(member), 1);
    else container.push(change === 'repeat' ? structuredClone(container[Number(member)]) : fresh);
  } else if (change === 'remove') Reflect.deleteProperty(container, member);
  else if (change === 'add') setMember(container, key, fresh);
  else setMember(container, `${member}2`, structuredClone(container[member]));
}

/** The text of the object after the changes. */
export function mutated(object: unknown, mutations: readonly Mutation[]): string {
  const copy = structuredClone(object);
  for (const step of mutations) mutate(copy, step);
  // Numbers that are none in JavaScript.
  return JSON.stringify(copy).replaceAll(/"\\u0001raw:([^"]*)"/g, '$1');
}
