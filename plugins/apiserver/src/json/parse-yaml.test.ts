import { describe, expect, it } from '@jest/globals';
import { parseYaml } from './parse-yaml.ts';

describe('parseYaml', () => {
  it('refuses keys that come twice in one map, at any depth, and other keys than text', () => {
    expect(parseYaml('a: {b: 1}\nc: {b: 2}')).toEqual({ a: { b: 1 }, c: { b: 2 } });
    expect(() => parseYaml('a: 1\nb: 2\na: 3')).toThrow('Map keys must be unique: "a"');
    expect(() => parseYaml('x: [{a: 1, "a": 2}]')).toThrow('Map keys must be unique');
    expect(() => parseYaml('? [a]\n: b')).toThrow(/string/);
    expect(() => parseYaml('a: 1\n---\nb: 2')).toThrow(/multiple documents/i);
  });

  it.each([
    ['lists', '['.repeat(100_000)],
    ['maps', '{a: '.repeat(50_000)],
    ['items', '- '.repeat(50_000)],
    ['keys', '? '.repeat(50_000)],
    ['values', 'a: '.repeat(50_000)],
    ['lists behind brackets that close nothing', `${']'.repeat(100_000)}${'['.repeat(100_000)}`],
    ['maps behind brackets that close nothing', `${'}'.repeat(100_000)}${'{'.repeat(100_000)}`],
    ['keys with lists in them', '? [a, b]: '.repeat(50_000)],
    ['maps behind tags of other lines', 'a: b: |\n!t '.repeat(50_000)],
    ['lines', Array.from({ length: 2000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
  ])('refuses what is nested so deeply that the stack would not do: %s', (_, text) => {
    expect(() => parseYaml(text)).toThrow('it is nested deeper than 500 levels');
  });

  it('takes what is long, but not deep', () => {
    const flow = `{${Array.from({ length: 2000 }, (_, index) => `k${index}: [a, b]`).join(', ')}}`;
    expect(Object.keys(parseYaml(flow) as object)).toHaveLength(2000);
    expect(parseYaml(`${'['.repeat(400)}${']'.repeat(400)}`)).toBeInstanceOf(Array);
    const scalar = '[-'.repeat(5000);
    expect(parseYaml(`a: |\n  ${scalar}\n`)).toEqual({ a: `${scalar}\n` });
  });

  it('takes a map of very many keys in no time', () => {
    const text = Array.from({ length: 50_000 }, (_, index) => `k${index}: v`).join('\n');
    expect(Object.keys(parseYaml(text) as object)).toHaveLength(50_000);
  }, 15_000);
});
