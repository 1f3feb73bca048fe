import { describe, expect, it } from '@jest/globals';
import { nameOf, type Standard } from './levels.ts';
import { isStricter, labelProblems, policyOf, prefix, textOf, type Policy } from './policy.ts';

const open: Standard = { level: 'privileged', version: 'latest' };
const nothing: Policy = { enforce: open, audit: open, warn: open };
const strict: Policy = {
  ...nothing,
  enforce: { level: 'baseline', version: 30 },
  warn: { level: 'baseline', version: 30 },
};

const labels = (given: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(given).map(([key, value]) => [`${prefix}${key}`, value]));

describe('the policy of a namespace', () => {
  it.each<readonly [Readonly<Record<string, string>>, Policy, string]>([
    [{}, nothing, ''],
    [{}, strict, 'enforce=baseline:v1.30, warn=baseline:v1.30'],
    [{ enforce: 'privileged' }, strict, ''],
    [{ enforce: 'restricted' }, nothing, 'enforce=restricted:latest, warn=restricted:latest'],
    [{ enforce: 'restricted', 'enforce-version': 'v1.24' }, nothing, 'enforce=restricted:v1.24, warn=restricted:v1.24'],
    [{ enforce: 'restricted', warn: 'privileged' }, nothing, 'enforce=restricted:latest'],
    [
      { enforce: 'baseline', warn: 'restricted', 'warn-version': 'latest' },
      strict,
      'enforce=baseline:v1.30, warn=restricted:latest',
    ],
    [{ enforce: 'stern' }, nothing, 'enforce=restricted:latest'],
    [{ audit: 'stern', warn: 'baseline', 'warn-version': 'v1.0x' }, nothing, 'warn=baseline:latest'],
    [{ audit: 'baseline' }, nothing, 'audit=baseline:latest'],
  ])('%j', (given, defaults, expected) => {
    expect(textOf(policyOf(labels(given), defaults))).toBe(expected);
  });

  it('names labels that nobody understands', () => {
    expect(labelProblems(labels({ enforce: 'baseline', 'enforce-version': 'v1.35', audit: 'restricted' }))).toEqual([]);
    expect(labelProblems(labels({ enforce: 'stern', 'warn-version': '1.30' }))).toEqual([
      {
        field: `metadata.labels[${prefix}enforce]`,
        reason: 'FieldValueInvalid',
        message: 'Invalid value: "stern": must be one of privileged, baseline, restricted',
      },
      {
        field: `metadata.labels[${prefix}warn-version]`,
        reason: 'FieldValueInvalid',
        message: 'Invalid value: "1.30": must be "latest" or "v1.x"',
      },
    ]);
  });

  const [baseline, restricted, older]: readonly Standard[] = [
    { level: 'baseline', version: 'latest' },
    { level: 'restricted', version: 'latest' },
    { level: 'baseline', version: 20 },
  ];
  it.each([
    [open, baseline, false],
    [baseline, baseline, false],
    [baseline, restricted, false],
    [restricted, baseline, true],
    [baseline, open, true],
    [older, baseline, true],
  ])('%j after %j is stricter: %j', (next = open, before = open, expected) => {
    expect([nameOf(next), isStricter(next, before)]).toEqual([nameOf(next), expected]);
  });
});
