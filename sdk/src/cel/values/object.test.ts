import { expect, it } from '@jest/globals';
import { compiled, plain, problems } from '../testing/evaluated.ts';
import { celQuantity, quantityType } from '../library/quantity.ts';
import { dynType, intType, listType, mapType, objectType, stringType } from '../types/type.ts';
import { CelMap } from './map.ts';
import { CelLazyObject } from './object.ts';
import { CelError, type CelValue } from './value.ts';

const type = objectType('variables', { count: intType, names: listType(stringType), broken: dynType });
const environment = { variables: { variables: type } };

it('computes fields when they are first read, once', () => {
  const loaded: string[] = [];
  const variables = new CelLazyObject(type, (field) => {
    loaded.push(field);
    return { count: 3, names: ['a'], broken: new CelError('no such key: x') }[field];
  });
  const value = (text: string): unknown => {
    const outcome = compiled(text, environment).evaluate({ variables });
    return outcome.ok ? plain(outcome.value) : outcome.message;
  };
  expect(value('variables.count > 5 && variables.names[0] == "a"')).toBe(false);
  expect(loaded).toEqual(['count']);
  expect(value('variables.count + variables.count + size(variables.names)')).toBe(7n);
  expect(value('variables.broken')).toBe('no such key: x');
  expect(value('variables.broken == 1 || variables.count == 3')).toBe(true);
  expect(loaded).toEqual(['count', 'names', 'broken']);
  expect(problems('variables.nope', environment)).toEqual(["1:10: undefined field 'nope'"]);
});

it('lets hosts give maps and values of their own', () => {
  /** Every key is there. */
  class Domains extends CelMap {
    readonly size = 0;
    get(key: CelValue): CelValue {
      return typeof key === 'string' ? `in ${key}` : 'nowhere';
    }
    keys(): readonly CelValue[] {
      return [];
    }
  }
  const types = { variables: { domains: mapType(stringType, stringType), memory: quantityType } };
  const given = { domains: new Domains(), memory: celQuantity('16Gi') };
  const program = compiled("domains['x'] == 'in x' && memory.isGreaterThan(quantity('8Gi'))", types);
  expect(program.evaluate(given)).toMatchObject({ ok: true, value: true });
});
