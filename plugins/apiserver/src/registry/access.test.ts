import { describe, expect, it } from '@jest/globals';
import type { AccessAttributes, AccessDecision } from '@timonel/sdk/contracts/api-server';
import { Access, type AccessParts } from './access.ts';

const attributes = (groups: string[] = []): AccessAttributes => ({
  user: { username: 'u', uid: '', groups, extra: {} },
  verb: 'get',
  group: '',
  version: 'v1',
  resource: 'pods',
  subresource: '',
  namespace: 'a',
  name: 'p',
});

type Tap = (() => Promise<AccessDecision | undefined>) | undefined;

function access(mode: AccessParts['access'], tap: Tap): Access {
  const accessDecide = { size: tap === undefined ? 0 : 1, call: () => tap?.() ?? Promise.resolve(undefined) };
  const none = { all: () => [], onChange: () => () => undefined };
  return new Access({
    hooks: { accessDecide },
    ruleSources: none,
    identify: () => Promise.resolve(undefined),
    access: mode,
  });
}

const outcome = (mode: AccessParts['access'], tap: Tap, groups: string[] = []): Promise<string> =>
  access(mode, tap)
    .enforce(attributes(groups))
    .then(
      () => 'through',
      (error: { reason?: string; message: string }) => error.reason ?? error.message,
    );

const says =
  (allowed: boolean): Tap =>
  () =>
    Promise.resolve({ allowed, reason: '' });
const silent: Tap = () => Promise.resolve(undefined);
const broken: Tap = () => Promise.reject(new Error('boom'));

describe('Access', () => {
  it.each<[AccessParts['access'], Tap, string]>([
    ['open', undefined, 'through'],
    ['open', silent, 'through'],
    ['open', says(true), 'through'],
    ['open', says(false), 'Forbidden'],
    ['open', broken, 'boom'],
    ['decided', undefined, 'ServiceUnavailable'],
    ['decided', silent, 'Forbidden'],
    ['decided', says(true), 'through'],
    ['decided', says(false), 'Forbidden'],
    ['decided', broken, 'boom'],
  ])('%s, case %#', async (mode, tap, wanted) => expect(await outcome(mode, tap)).toBe(wanted));

  it('administrators are not asked about', async () => {
    for (const tap of [undefined, silent, says(false), broken])
      expect(await outcome('decided', tap, ['system:masters'])).toBe('through');
  });

  it('rules: all of them where nobody decides, none where nobody can tell', async () => {
    const { user } = attributes();
    const rules = (mode: AccessParts['access']) => access(mode, undefined).questions.rulesFor(user, 'a');
    expect(await rules('open')).toMatchObject({ resourceRules: [{ verbs: ['*'] }], incomplete: false });
    expect(await rules('decided')).toEqual({ resourceRules: [], nonResourceRules: [], incomplete: true });
  });
});
